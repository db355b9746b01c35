"""From an error to the page of the house that says what to do, in one table."""

import secrets
from http import HTTPStatus

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request
from flask_babel import lazy_gettext as _
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.db import db
from webapp.errors import Refused
from webapp.web import throttle
from webapp.web.htmx import answer, wants_fragment

# Which status a refusal has, by its slug (API.md has the same); any other is 409: nothing was changed.
STATUSES = {
    "invalid-request": 422,
    "no-rate": 422,
    "too-many-segments": 422,
    "insufficient-credits": 409,
    "credits-expire-before": 409,
    "idempotency-conflict": 409,
    "quote-exceeded": 409,
    "wrong-state": 409,
    "not-found": 404,
    "unauthenticated": 401,
    "forbidden": 403,
    "too-many-requests": 429,
}

# What a page says for each status: a title, and what to do.
WORDS = {
    400: (
        _("That could not be read"),
        _("The request was incomplete. Go back, load the page again and try once more."),
    ),
    401: (_("Please sign in"), _("Your session has ended. Sign in and you come back here.")),
    403: (
        _("Not for your role"),
        _("Your role does not open this page. An admin of your platform can change your role."),
    ),
    404: (
        _("Nothing here"),
        _("The page does not exist, was deleted, or belongs to somebody else. Check the address."),
    ),
    405: (
        _("Not in this way"),
        _("This address cannot be opened like that. Go back and use the button of the page."),
    ),
    409: (_("That cannot be done now"), _("Nothing was changed.")),
    410: (_("No longer here"), _("This was here once and has been removed.")),
    413: (
        _("Too large"),
        _("The file or text is larger than this installation accepts. Send it in smaller parts."),
    ),
    422: (_("Something must be mended"), _("Nothing was changed. Go back and look at the fields.")),
    429: (_("Too many attempts"), _("Wait a few minutes, then try again.")),
    500: (
        _("Something broke on our side"),
        _("Nothing you did is at fault. Try again; if it stays, give the reference to your operator."),
    ),
    503: (
        _("The database is away"),
        _("Nothing is lost. The page loads again as soon as the database is back; try in a minute."),
    ),
}
LOST_CONNECTION = (OperationalError, InterfaceError, PoolTimeout)


def status_of(refusal: Refused) -> int:
    return STATUSES.get(refusal.slug, 409)


def error_answer(
    status: int,
    sentence: str | None = None,
    headers: dict[str, str] | None = None,
    reference: str | None = None,
) -> Response:
    """The page, or for htmx the fragment, of an error; its reference stands in the log too."""
    title, text = WORDS.get(status, (HTTPStatus(status).phrase, ""))
    context = {
        "status": status,
        "title": title,
        "sentence": sentence or text,
        "reference": reference or logged(status, sentence or ""),
    }
    if status >= 500:
        forget_person()
    template = "errors/_error.html" if wants_fragment() else "errors/error.html"
    response = answer(make_response(render_template(template, **context), status))
    response.headers.update(headers or {})
    return response


def forget_person() -> None:
    """Draws the page as for nobody: what broke, or the database that is away, may be what the frame needs."""
    g._login_user = AnonymousUserMixin()


def logged(status: int, words: str, error: BaseException | None = None) -> str:
    """Writes a line to the log under a fresh reference, which it returns."""
    reference = secrets.token_hex(4)
    line = "%s: %s %s -> %d %s"
    facts = (reference, request.method, request.path, status, words)
    if error is not None:
        current_app.logger.error(line, *facts, exc_info=error)
    elif status >= 400 and status not in (404, 405):
        current_app.logger.info(line, *facts)
    return reference


def on_http(error: HTTPException) -> AnyResponse | HTTPException:
    if error.code is None or error.code < 400:
        return error
    looking = error is request.routing_exception and request.method in ("GET", "HEAD")
    if looking and error.code == 405 and (above := page_above(request.path)):
        return redirect(above, 303)
    headers = {
        name: value
        for name, value in error.get_headers(request.environ)
        if name in ("Allow", "Retry-After", "WWW-Authenticate")
    }
    if error.code == 429:
        headers["Retry-After"] = str(throttle.retry_after_s(clock.now()))
    return error_answer(error.code, headers=headers)


def page_above(path: str) -> str | None:
    """The nearest page above an address that only takes forms: whoever loads a refused form again, or comes
    back to it, gets to what it was about. None where only the first page of all is above."""
    adapter = current_app.create_url_adapter(request)
    while adapter is not None and (path := path.rpartition("/")[0]):
        if adapter.test(path, "GET"):
            return path
    return None


def on_csrf(error: CSRFError) -> Response:
    """A form whose token is missing, wrong or too old: it is safe to load the page and send it again."""
    return error_answer(
        400,
        str(_("This form was open too long or came from elsewhere. Load the page again and send it again.")),
    )


def on_refused(refusal: Refused) -> Response:
    db.session.rollback()
    return error_answer(status_of(refusal), str(refusal.sentence))


def on_database(error: DBAPIError | PoolTimeout) -> Response:
    """The database is away, or said something no page foresaw. Its words go to the log, never to a page."""
    db.session.rollback()
    away = isinstance(error, LOST_CONNECTION)
    # A value no column can hold (a NUL character, a number too large) came in with the request.
    status = 503 if away else 422 if isinstance(error, DataError) else 500
    reference = logged(status, type(error).__name__, error)
    return error_answer(status, headers={"Retry-After": "30"} if away else None, reference=reference)


def on_anything(error: Exception) -> Response:
    db.session.rollback()
    return error_answer(500, reference=logged(500, type(error).__name__, error))


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(CSRFError, on_csrf)
    app.register_error_handler(Refused, on_refused)
    app.register_error_handler(DBAPIError, on_database)
    app.register_error_handler(PoolTimeout, on_database)
    app.register_error_handler(Exception, on_anything)
