"""Who must not be written to: the do-not-contact list of a platform, and the people erased on request.

An erased number is known by its keyed hash alone. The key is the installation's secret; where that has been
replaced, the old ones of `SECRET_KEY_FALLBACKS` are tried too.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from flask import current_app
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.audience.models import ConsentEvent, DoNotContact, DoNotContactVersion, ErasedNumber
from webapp.db import db, transaction

REASON_CHARACTERS = 300


def do_not_contact(platform_id: int, phones: Iterable[int], *, reason: str, by: str, now: datetime) -> int:
    """Puts numbers (E.164 digits) on the do-not-contact list; returns how many were not on it yet."""
    rows = [
        {"platform_id": platform_id, "phone": phone, "reason": reason, "added_by": by, "created_at": now}
        for phone in dict.fromkeys(phones)
    ]
    if not rows:
        return 0
    with transaction() as session:
        added = session.scalars(
            insert(DoNotContact).on_conflict_do_nothing().returning(DoNotContact.phone), rows
        ).all()
        log(session, platform_id, None, added, "do_not_contact", reason=reason, by=by, now=now)
        return len(added)


def allow_contact(platform_id: int, phone: int, *, reason: str, by: str, now: datetime) -> bool:
    """Takes a number off the do-not-contact list; False when it was not on it."""
    with transaction() as session:
        removed = session.execute(
            delete(DoNotContact).where(DoNotContact.platform_id == platform_id, DoNotContact.phone == phone)
        )
        if not removed.rowcount:  # type: ignore[attr-defined]
            return False
        log(session, platform_id, None, [phone], "contact_allowed", reason=reason, by=by, now=now)
        return True


def log(
    session: Session,
    platform_id: int,
    list_id: int | None,
    phones: Sequence[int],
    event: str,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """Writes down what was decided for these numbers."""
    same = {"platform_id": platform_id, "list_id": list_id, "event": event, "reason": reason}
    rows = [{**same, "phone": phone, "by_name": by, "at": now} for phone in phones]
    if rows:
        session.execute(insert(ConsentEvent), rows)


def is_blocked(platform_id: int, phone: int) -> str | None:
    """Why nobody may write to a number: `do_not_contact` or `erased`; None when one may."""
    session = db.session()
    listed = select(DoNotContact.phone).where(
        DoNotContact.platform_id == platform_id, DoNotContact.phone == phone
    )
    if session.execute(listed).first():
        return "do_not_contact"
    return "erased" if is_erased(session, platform_id, phone) else None


def digests(platform_id: int, phone: int) -> list[bytes]:
    """The keyed hashes of a number, by the present secret first."""
    keys = [current_app.config["SECRET_KEY"], *(current_app.config.get("SECRET_KEY_FALLBACKS") or ())]
    return [digest(key, platform_id, phone) for key in keys]


def digest(secret: str | bytes, platform_id: int, phone: int) -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    derived = hashlib.blake2b(key, person=b"sms erasure", digest_size=32).digest()
    return hashlib.blake2b(f"{platform_id}:{phone}".encode(), key=derived, digest_size=24).digest()


def is_erased(session: Session, platform_id: int, phone: int) -> bool:
    found = select(ErasedNumber.digest).where(
        ErasedNumber.platform_id == platform_id, ErasedNumber.digest.in_(digests(platform_id, phone))
    )
    return session.execute(found).first() is not None


def forget_erasure(session: Session, platform_id: int, phone: int) -> None:
    """The person came back by their own wish: the number is one like any other again."""
    session.execute(
        delete(ErasedNumber).where(
            ErasedNumber.platform_id == platform_id, ErasedNumber.digest.in_(digests(platform_id, phone))
        )
    )


def share_with_erasures(session: Session, platform_id: int) -> bool:
    """Until the transaction ends nobody is erased; returns whether anybody has been.

    Whoever adds numbers asks this first, so that one erased at the same moment is not brought back.
    """
    session.execute(insert(DoNotContactVersion).values(platform_id=platform_id).on_conflict_do_nothing())
    locked = select(DoNotContactVersion.platform_id).where(DoNotContactVersion.platform_id == platform_id)
    session.execute(locked.with_for_update(read=True))
    return session.scalar(select(exists().where(ErasedNumber.platform_id == platform_id))) or False


def erased_among(session: Session, platform_id: int, phones: Iterable[int]) -> set[int]:
    """Those of these numbers that were erased."""
    phone_of = {each: phone for phone in phones for each in digests(platform_id, phone)}
    found = select(ErasedNumber.digest).where(
        ErasedNumber.platform_id == platform_id, ErasedNumber.digest.in_(phone_of)
    )
    return {phone_of[each] for each in session.scalars(found)}
