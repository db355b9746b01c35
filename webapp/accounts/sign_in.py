"""Flask-Security, set up for this house: by password, and only for those who were invited."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Response, after_this_request, current_app, render_template, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_security import EmailValidateException, Security, SQLAlchemyUserDatastore

from webapp.accounts import sessions
from webapp.accounts.access import open_to_all, requires, to_sign_in
from webapp.accounts.letters import HouseMail
from webapp.accounts.models import ROLES, Role, User
from webapp.db import db
from webapp.web.throttle import limiter_for, throttled

RESET_WITHIN = timedelta(hours=4)
PUBLIC_VIEWS = ("login", "logout", "forgot_password", "reset_password", "static")


def settings(app: Flask) -> dict[str, object]:
    """What we ask of Flask-Security and of the session's cookie."""
    https = (app.config["SETTINGS"].public_url or "").startswith("https://")
    return {
        "SECURITY_RECOVERABLE": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_REGISTERABLE": False,
        "SECURITY_LOGIN_URL": "/sign-in",
        "SECURITY_LOGOUT_URL": "/sign-out",
        "SECURITY_RESET_URL": "/password/reset",
        "SECURITY_CHANGE_URL": "/password",
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/sign-in",
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_SINGLE_HASH": True,
        "SECURITY_PASSWORD_LENGTH_MIN": 10,
        "SECURITY_PASSWORD_NORMALIZE_FORM": "NFKC",
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
        "SECURITY_RESET_PASSWORD_WITHIN": RESET_WITHIN,
        "SECURITY_FRESHNESS": timedelta(minutes=-1),  # no page asks for the password a second time
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_CACHE_CONTROL": None,  # webapp/web/headers.py says it for every page
        "SECURITY_EMAIL_HTML": False,
        "SECURITY_REDIRECT_ALLOW_SUBDOMAINS": False,
        "SESSION_COOKIE_NAME": "sms_credits",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "REMEMBER_COOKIE_DURATION": timedelta(0),
    }


def init_app(app: Flask) -> None:
    app.config.update(settings(app))
    security = Security(mail_util_cls=HouseMail, render_template=render)
    security.init_app(app, SQLAlchemyUserDatastore(db, User, Role))
    security.unauthn_handler(lambda *_args, **_kwargs: to_sign_in())
    sessions.init_app(app)
    mark_views(app)
    limit_attempts(app)


def render(template: str, **context: Any) -> str:
    """A page of Flask-Security; with a form to be mended it is 422, like every such page."""
    if any(getattr(value, "errors", None) for name, value in context.items() if name.endswith("_form")):
        after_this_request(unprocessable)
    return render_template(template, **context)


def unprocessable(response: Response) -> Response:
    response.status_code = 422
    return response


def limit_attempts(app: Flask) -> None:
    """Guessing is slow: few tries at an account from one place, more from one place, or at one account.

    The last limit is wide, so that a stranger cannot easily keep a person out of their own account.
    """
    limiter = limiter_for(app)
    here = {account_from_here: "10 per 15 minutes", get_remote_address: "60 per 15 minutes"}
    letters = {account_from_here: "3 per 15 minutes", get_remote_address: "20 per 15 minutes"}
    views = app.view_functions
    for endpoint, limits, counts in (
        ("security.login", here | {account: "100 per day"}, failed),
        ("security.change_password", {person_id: "10 per 15 minutes"}, failed),
        ("security.forgot_password", letters | {account: "10 per day"}, every),
    ):
        views[endpoint] = throttled(limiter, views[endpoint], limits, counts)


def account() -> str:
    """The account somebody tries to open, however its address is spelled: as it is looked up; or "-"."""
    given = request.form.get("email", "").strip()
    with suppress(EmailValidateException):
        given = current_app.extensions["security"].mail_util.normalize(given)
    return given.lower()[:200] or "-"


def account_from_here() -> str:
    return f"{get_remote_address()} {account()}"


def person_id() -> str:
    return str(getattr(current_user, "id", get_remote_address()))


def failed(response: Response) -> bool:
    """A form that worked sends on; anything else is an attempt that counts."""
    return response.status_code not in (302, 303)


def every(_response: Response) -> bool:
    """A letter may go out with each."""
    return True


def mark_views(app: Flask) -> None:
    """Says of Flask-Security's own views who may open them."""
    for name in PUBLIC_VIEWS:
        open_to_all(app, f"security.{name}")
    change = "security.change_password"
    app.view_functions[change] = requires(*ROLES)(cast("Callable[..., Response]", app.view_functions[change]))
