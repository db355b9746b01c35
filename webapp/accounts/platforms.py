"""Creating platforms and changing what they have chosen."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts import people
from webapp.accounts.errors import NameTaken
from webapp.accounts.models import Platform, User
from webapp.db import transaction


def create(
    *,
    name: str,
    time_zone: str,
    currency: str,
    language: str,
    admin_email: str,
    admin_name: str,
) -> tuple[Platform, User]:
    """A platform with its first admin, who is invited. Raises `NameTaken` or `AddressTaken`."""
    with transaction() as session:
        platform = Platform(name=name.strip(), time_zone=time_zone, currency=currency, language=language)
        with its_own_name(session, platform.name):
            session.add(platform)
        admin = people.invite(platform.id, email=admin_email, name=admin_name, role="admin")
    return platform, admin


def change(
    platform_id: int, *, name: str, time_zone: str, currency: str, language: str, burn_order: str
) -> Platform:
    """Changes what the platform has chosen; a zone or a burn order counts from now on, never backwards."""
    with transaction() as session:
        statement = select(Platform).where(Platform.id == platform_id).with_for_update(key_share=True)
        platform = session.scalars(statement.execution_options(populate_existing=True)).one()
        with its_own_name(session, name.strip()):
            platform.name, platform.time_zone, platform.currency = name.strip(), time_zone, currency
            platform.language, platform.burn_order = language, burn_order
    return platform


@contextmanager
def its_own_name(session: Session, name: str) -> Iterator[None]:
    """Writes in a savepoint, so that the session can still say the refusal in the reader's language."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if "uq_platform_name" in str(error.orig):
            raise NameTaken(name) from error
        raise
