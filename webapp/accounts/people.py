"""Inviting, changing and removing people; a platform never loses its last admin, whoever acts at once."""

import secrets
from datetime import datetime

from email_validator import validate_email
from flask_security import hash_password
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts import sessions
from webapp.accounts.errors import AddressTaken, InvitationOver, LastAdmin
from webapp.accounts.models import Platform, User
from webapp.db import transaction


def normalised(email: str) -> str:
    """The address as it is stored: without blanks around it, in lower case. Raises `EmailNotValidError`."""
    return validate_email(email.strip(), check_deliverability=False).normalized.lower()


def invite(platform_id: int | None, *, email: str, name: str, role: str) -> User:
    """A new person without a password yet; the letter with the link is sent when this is committed.

    Raises `AddressTaken`. An operator is invited with `platform_id` None.
    """
    with transaction() as session:
        person = User(
            platform_id=platform_id,
            email=normalised(email),
            name=name.strip(),
            role=role,
            active=True,
            fs_uniquifier=fresh_uniquifier(),
        )
        add(session, person)
    return person


def add(session: Session, person: User) -> None:
    taken = select(User.id).where(User.email == person.email)
    if session.scalar(taken) is not None:
        raise AddressTaken
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError as error:  # somebody else invited the same address just now
        raise AddressTaken from error


def fresh_uniquifier() -> str:
    """What sessions and links of a person hang on: a new one ends them all."""
    return secrets.token_hex(32)


def renew_invitation(person_id: int) -> User:
    """A person who has not come yet, with a new link; the old one is worth nothing any more."""
    with transaction() as session:
        person = locked_person(session, person_id)
        if not person.pending or not person.active:
            raise InvitationOver
        person.fs_uniquifier = fresh_uniquifier()
    return person


def accept(person_id: int, uniquifier: str, password: str) -> User:
    """The invited person chooses a password; the link is used up. Raises `InvitationOver`."""
    with transaction() as session:
        person = locked_person(session, person_id)
        if person.fs_uniquifier != uniquifier or not person.pending or not person.active:
            raise InvitationOver
        person.password = hash_password(password)
        person.fs_uniquifier = fresh_uniquifier()
    return person


def change(person_id: int, *, name: str, role: str, active: bool) -> User:
    """Another name or role, put out or let in again; effective with the person's next request.

    Raises `LastAdmin`.
    """
    with transaction() as session:
        person = locked_person(session, person_id)
        if is_acting_admin(person) and not (role == "admin" and active):
            keep_an_admin(session, person)
        person.name, person.role, person.active = name.strip(), role, active
    return person


def remove(person_id: int, *, now: datetime) -> User:
    """Takes a person out: no address, no password, no session. The name stays for what they did."""
    with transaction() as session:
        person = locked_person(session, person_id)
        if person.removed_at is not None:
            return person
        if is_acting_admin(person):
            keep_an_admin(session, person)
        person.active, person.email, person.password, person.removed_at = False, None, None, now
        person.fs_uniquifier = fresh_uniquifier()
        sessions.end_all(person.id, now)
    return person


def locked_person(session: Session, person_id: int) -> User:
    """The person as they are now, after whoever is changing somebody of the same platform."""
    platform_id = session.scalar(select(User.platform_id).where(User.id == person_id))
    if platform_id is not None:
        session.execute(select(Platform.id).where(Platform.id == platform_id).with_for_update(key_share=True))
    statement = select(User).where(User.id == person_id).with_for_update(of=User)
    return session.scalars(statement.execution_options(populate_existing=True)).unique().one()


def is_acting_admin(person: User) -> bool:
    """Whether the platform counts on this person: an admin who is let in and has come."""
    return person.role == "admin" and person.active and person.password is not None


def keep_an_admin(session: Session, person: User) -> None:
    """Raises `LastAdmin` unless another acting admin stays. The platform is locked by the caller."""
    others = select(User.id).where(
        User.platform_id == person.platform_id,
        User.id != person.id,
        User.role == "admin",
        User.active,
        User.password.is_not(None),
    )
    if session.scalar(others.limit(1)) is None:
        raise LastAdmin
