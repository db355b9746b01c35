"""What surrounds every page: the sections one may open, theme and language, and where things are."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, current_app, has_request_context, redirect, request, url_for
from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from flask_login import current_user
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from webapp.accounts.access import open_to_all, public
from webapp.web.redirects import local_path

THEMES = ("system", "light", "dark")
LANGUAGES = {"en": "English", "it": "Italiano"}
YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("web", __name__)


@dataclass(frozen=True)
class Theme:
    """`chosen` is what the person picked; `shown` is light or dark, as far as the server can know."""

    chosen: str
    shown: str


@dataclass(frozen=True)
class Item:
    """A line of the side bar; `current` is "page", "true" (a page beneath it) or None."""

    label: str
    url: str
    current: str | None


@dataclass(frozen=True)
class Section:
    title: str
    items: tuple[Item, ...]


PLATFORM = frozenset({"admin", "marketer", "viewer"})
WRITERS = frozenset({"admin", "marketer"})
ADMIN = frozenset({"admin"})
OPERATOR = frozenset({"operator"})

SECTIONS = (
    (
        "",
        (
            (_("Home"), "accounts.home", PLATFORM),
            (_("Campaigns"), "campaigns.index", WRITERS),
            (_("Lists"), "audience.index", WRITERS),
            (_("Do not contact"), "audience.do_not_contact", WRITERS),
            (_("Reports"), "reports.index", PLATFORM),
        ),
    ),
    (
        _("Credits"),
        (
            (_("Buy"), "shop.buy", ADMIN),
            (_("Assign"), "credits.assign", ADMIN),
            (_("Ledger"), "credits.ledger", ADMIN),
        ),
    ),
    (
        _("Settings"),
        ((_("People"), "accounts.people", ADMIN), (_("Platform"), "accounts.platform", ADMIN)),
    ),
    (
        _("Installation"),
        (
            (_("Platforms"), "accounts.platforms", OPERATOR),
            (_("Packages"), "shop.packages", OPERATOR),
            (_("Plugins"), "pricing.plugins", OPERATOR),
            (_("Orders"), "shop.orders", OPERATOR),
        ),
    ),
)

# Pages whose address does not begin with that of the section they belong to.
ELSEWHERE = {"audience.index": ("/imports/", "/recipients"), "shop.buy": ("/orders",)}


def navigation() -> list[Section]:
    """The sections that the person's role may open, in order."""
    role = getattr(current_user, "role", None)
    sections = []
    for title, entries in SECTIONS:
        items = tuple(item_for(label, endpoint) for label, endpoint, roles in entries if role in roles)
        if items:
            sections.append(Section(str(title), items))
    return sections


def item_for(label: object, endpoint: str) -> Item:
    url = page_url(endpoint) or "/"
    return Item(str(label), url, current_mark(url, ELSEWHERE.get(endpoint, ())))


def current_mark(url: str, elsewhere: tuple[str, ...] = ()) -> str | None:
    if request.path == url:
        return "page"
    beneath = elsewhere if url == "/" else (url + "/", *elsewhere)
    return "true" if request.path.startswith(beneath) else None


def page_url(endpoint: str, **values: Any) -> str | None:
    """The address of a page, or None where the installation has no such page."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None


def page_link(number: int) -> str:
    """This address with another page number; the filters stay."""
    arguments = request.args.to_dict(flat=False) | dict(request.view_args or {})
    return url_for(request.endpoint or "accounts.home", **{**arguments, "page": number})


def here() -> str:
    """The path to come back to: this page, when it was asked for by a GET."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def theme() -> Theme:
    """The theme chosen by cookie; "system" shows what the browser hints, else light until theme.js knows."""
    chosen = request.cookies.get("theme", "system")
    if chosen in THEMES[1:]:
        return Theme(chosen, chosen)
    hinted = request.headers.get("Sec-CH-Prefers-Color-Scheme", "").strip('"')
    return Theme("system", "dark" if hinted == "dark" else "light")


def choose_language() -> str:
    """The language chosen in this browser, else the person's or platform's, else what the browser asks.

    Commands and jobs have no request, and speak English.
    """
    if not has_request_context():
        return "en"
    chosen = request.cookies.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    platform = getattr(current_user, "platform", None)
    own = getattr(current_user, "language", None) or getattr(platform, "language", None)
    return own or request.accept_languages.best_match(LANGUAGES) or "en"


@blueprint.post("/look")
@public
def look() -> Response:
    """Keeps the theme or the language that was picked, in a cookie of this browser."""
    response = redirect(local_path(request.form.get("next")), 303)
    for name, known in (("theme", THEMES), ("language", tuple(LANGUAGES))):
        if (value := request.form.get(name)) in known:
            response.set_cookie(
                name, str(value), max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure
            )
    return response


def asset(name: str) -> str:
    """The address of a static file, with a mark of its content: kept by browsers until it changes."""
    marks: dict[str, str] = current_app.extensions.setdefault("asset_marks", {})
    if name not in marks or current_app.debug:
        path = Path(current_app.static_folder or "") / name
        marks[name] = sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else ""
    return url_for("static", filename=name, v=marks[name] or None)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    open_to_all(app, "static")
    app.jinja_env.globals.update(
        asset=asset,
        get_locale=get_locale,
        here=here,
        languages=LANGUAGES.items,
        navigation=navigation,
        page_link=page_link,
        page_url=page_url,
    )
    app.context_processor(lambda: {"theme": theme()})
