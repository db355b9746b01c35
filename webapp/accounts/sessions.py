"""Sessions that end: by signing out, left idle, after a day's work, or when the person is put out.

The browser keeps a signed cookie with the number of its sign-in; what that is worth is looked up here,
so that signing out ends it even for somebody who has copied the cookie.
"""

from datetime import datetime, timedelta

from flask import Flask, current_app, session
from flask_login import user_logged_out
from flask_security import user_authenticated
from flask_security.utils import set_request_attr
from sqlalchemy import delete, select, update

from webapp import clock
from webapp.accounts.models import SignIn, User
from webapp.db import db, transaction
from webapp.web.polling import is_polled

TOUCH_EVERY = timedelta(minutes=1)
KEEP_ENDED = timedelta(days=30)
KEY = "sign_in"


def load_person(uniquifier: str) -> User | None:
    """The person of the request's session, unless that has ended; told to Flask-Login."""
    found = alive(uniquifier, clock.now())
    if found is None:
        return None
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", session.get("fs_paa", 0))
    return found


def alive(uniquifier: str, now: datetime) -> User | None:
    """The person of a session that is neither ended nor idle nor too old; a poll does not count as use."""
    settings = current_app.config["SETTINGS"]
    statement = (
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(
            User.fs_uniquifier == uniquifier,
            User.active,
            SignIn.id == session.get(KEY),
            SignIn.ended_at.is_(None),
            SignIn.started_at > now - timedelta(hours=settings.session_hours),
            SignIn.seen_at > now - timedelta(minutes=settings.session_idle_minutes),
        )
    )
    found = db.session.execute(statement).unique().one_or_none()
    if found is None:
        return None
    if found.SignIn.seen_at < now - TOUCH_EVERY and not is_polled():
        touch(found.SignIn.id, now)
    return found.User  # type: ignore[no-any-return]


def touch(sign_in_id: int, now: datetime) -> None:
    """Notes that the person was here, at most once a minute."""
    with transaction() as connected:
        connected.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))


def begin(_sender: Flask, user: User, **_: object) -> None:
    """A person has just signed in: the session gets its number; an older one of this browser ends."""
    now = clock.now()
    end_current(now)
    started = SignIn(user_id=user.id, started_at=now, seen_at=now)
    user.signed_in_at = now
    db.session.add(started)
    db.session.flush()
    session[KEY] = started.id


def end(_sender: Flask, **_: object) -> None:
    with transaction():
        end_current(clock.now())


def end_current(now: datetime) -> None:
    """Ends the sign-in this browser holds, if it holds one."""
    held = session.pop(KEY, None)
    if held is not None:
        db.session.execute(
            update(SignIn).where(SignIn.id == held, SignIn.ended_at.is_(None)).values(ended_at=now)
        )


def end_all(user_id: int, now: datetime) -> None:
    """Ends every session of a person, wherever it is."""
    db.session.execute(
        update(SignIn).where(SignIn.user_id == user_id, SignIn.ended_at.is_(None)).values(ended_at=now)
    )


def forget_old(now: datetime) -> None:
    """Deletes sign-ins that nobody can use any more."""
    with transaction() as connected:
        connected.execute(delete(SignIn).where(SignIn.seen_at < now - KEEP_ENDED))


def init_app(app: Flask) -> None:
    app.login_manager.user_loader(load_person)  # type: ignore[attr-defined]
    app.login_manager.request_loader(None)  # type: ignore[attr-defined]
    user_authenticated.connect(begin, app)
    user_logged_out.connect(end, app)
