"""The link of an invitation: signed, good for a week and for one use."""

from datetime import timedelta

from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from webapp.accounts.errors import InvitationOver
from webapp.accounts.models import User
from webapp.db import db

VALID_FOR = timedelta(days=7)


def serializer() -> URLSafeTimedSerializer:
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeTimedSerializer(keys, salt="invitation")  # the last one signs


def token(person: User) -> str:
    """What stands in the link. It hangs on the person's uniquifier, which changes when the link is used."""
    return serializer().dumps([person.id, person.fs_uniquifier])


def invited(token: str) -> User:
    """Who was invited by this link. Raises `InvitationOver` for any that is not, or no longer, good."""
    try:
        person_id, uniquifier = serializer().loads(token, max_age=int(VALID_FOR.total_seconds()))
    except (BadSignature, ValueError, TypeError) as error:
        raise InvitationOver from error
    statement = select(User).where(User.id == person_id, User.fs_uniquifier == uniquifier, User.active)
    person = db.session.scalars(statement).unique().one_or_none()
    if person is None or not person.pending:
        raise InvitationOver
    return person
