"""Who may open what: every view is marked `@requires(roles)` or `@public`, and a test walks them all."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from flask import Flask, abort, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from webapp.accounts.models import ROLES, Platform, User
from webapp.web.lookup import one_or_404

if TYPE_CHECKING:
    from webapp.credits.engine import Actor

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def requires(*roles: str) -> Callable[[Callable[Asked, Answer]], Callable[Asked, Answer | Response]]:
    """Marks a view as open to these roles: signed out is sent to sign in, another role gets 403."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"roles are {', '.join(ROLES)}; not {roles}")

    def mark(view: Callable[Asked, Answer]) -> Callable[Asked, Answer | Response]:
        @wraps(view)
        def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer | Response:
            if not current_user.is_authenticated:
                return to_sign_in()
            if current_user.role not in roles:
                abort(403)
            return view(*args, **kwargs)

        guarded.roles = frozenset(roles)  # type: ignore[attr-defined]
        return guarded

    return mark


def public(view: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Marks a view as open to everybody, signed in or not."""

    @wraps(view)
    def opened(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        return view(*args, **kwargs)

    opened.public = True  # type: ignore[attr-defined]
    return opened


def open_to_all(app: Flask, endpoint: str) -> None:
    """Marks a view that another package brought as public."""
    app.view_functions[endpoint] = public(cast("Callable[..., Response]", app.view_functions[endpoint]))


def to_sign_in() -> Response:
    """The way to the sign-in page and back; htmx is told to go there with the whole page."""
    if "HX-Request" not in request.headers:
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.login", next=back), 303)
    return Response(status=401, headers={"HX-Redirect": url_for("security.login", next=page_path())})


def page_path() -> str | None:
    """The path of the page in which htmx asked, when it is one of ours."""
    origin, address = request.host_url.rstrip("/"), request.headers.get("HX-Current-URL", "")
    return address.removeprefix(origin) or None if address.startswith(origin + "/") else None


def current_person() -> User:
    """The person signed in. Only inside a view marked `requires`."""
    if not isinstance(person := current_user._get_current_object(), User):
        abort(401)
    return person


def current_platform() -> Platform:
    """The platform of the person signed in; 404 for an operator, who has none."""
    platform = current_person().platform
    if platform is None:
        abort(404)
    return platform


def current_actor() -> "Actor":
    """The person signed in, as the ledger names who did something."""
    from webapp.credits.engine import Actor

    person = current_person()
    return Actor(id=person.id, name=person.name)


def platform_or_404(platform_id: int) -> Platform:
    """Any platform, for the operator."""
    return one_or_404(select(Platform).where(Platform.id == platform_id))
