"""Erasing a person on request: the number and what is known of them go everywhere, the totals stay.

Other features that keep numbers add a function with `also_erase`; it runs in the same transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.audience import statistics, suppression
from webapp.audience.models import (
    ConsentEvent,
    DoNotContact,
    DoNotContactVersion,
    ErasedNumber,
    Import,
    ImportPart,
    ImportRefusal,
    Recipient,
    RecipientList,
)
from webapp.db import transaction

Eraser = Callable[[int, int], int]
"""Takes platform and number (E.164 digits), removes the number, returns how many rows held it."""

erasers: list[Eraser] = []

LAST_DIGITS = 9  # that tell a number, in a row where its prefix may be missing


def also_erase(eraser: Eraser) -> Eraser:
    """Registers what another feature does when a person is erased."""
    if eraser not in erasers:
        erasers.append(eraser)
    return eraser


@dataclass(frozen=True)
class Erased:
    """Where the number was: on so many lists, in so many rows elsewhere, perhaps in so many waiting files."""

    lists: int
    elsewhere: int
    files_searched: int


def erase_phone(platform_id: int, phone: int, *, by: str, now: datetime) -> Erased:
    """Erases a number (E.164 digits) from a platform; only a keyed hash of it stays."""
    with transaction() as session:
        lock_lists(session, platform_id)
        keep_still(session, platform_id)
        lists = lists_with(session, platform_id, phone)
        session.execute(
            insert(ErasedNumber)
            .values(
                platform_id=platform_id,
                digest=suppression.digests(platform_id, phone)[0],
                erased_by=by,
                erased_at=now,
            )
            .on_conflict_do_nothing()
        )
        remove_from_lists(session, lists, phone)
        elsewhere = remove_from_records(session, platform_id, phone)
        elsewhere += sum(eraser(platform_id, phone) for eraser in erasers)
        return Erased(len(lists), elsewhere, search_files(session, platform_id, phone))


def lock_lists(session: Session, platform_id: int) -> None:
    """Every list of the platform, by id, so that no import adds the number meanwhile."""
    mine = select(RecipientList.id).where(RecipientList.platform_id == platform_id)
    session.execute(mine.order_by(RecipientList.id).with_for_update(key_share=True))


def lists_with(session: Session, platform_id: int, phone: int) -> list[int]:
    """The lists that have the number, deleted ones included."""
    every = select(RecipientList.id).where(RecipientList.platform_id == platform_id)
    found = select(Recipient.list_id).where(Recipient.list_id.in_(every), Recipient.phone == phone)
    return sorted(session.scalars(found))


def keep_still(session: Session, platform_id: int) -> None:
    """Waits for everybody who is adding numbers; see `suppression.share_with_erasures`."""
    row = insert(DoNotContactVersion).values(platform_id=platform_id)
    session.execute(row.on_conflict_do_nothing())
    mine = select(DoNotContactVersion.platform_id).where(DoNotContactVersion.platform_id == platform_id)
    session.execute(mine.with_for_update())


def remove_from_lists(session: Session, list_ids: list[int], phone: int) -> None:
    """Rows and chunks both: a packed column holds the number and the values too."""
    for list_id in list_ids:
        chunk_id = session.scalars(
            delete(Recipient)
            .where(Recipient.list_id == list_id, Recipient.phone == phone)
            .returning(Recipient.chunk_id)
        ).one_or_none()
        if chunk_id is not None:
            statistics.rebuild(session, chunk_id)


def remove_from_records(session: Session, platform_id: int, phone: int) -> int:
    """Suppression, the log of consent, and the rows that imports refused."""
    imports = select(Import.id).where(Import.platform_id == platform_id)
    removed = 0
    for statement in (
        delete(DoNotContact).where(DoNotContact.platform_id == platform_id, DoNotContact.phone == phone),
        delete(ConsentEvent).where(ConsentEvent.platform_id == platform_id, ConsentEvent.phone == phone),
        delete(ImportRefusal).where(ImportRefusal.import_id.in_(imports), refusal_of(phone)),
    ):
        removed += session.execute(statement).rowcount  # type: ignore[attr-defined]
    return removed


def refusal_of(phone: int) -> ColumnElement[bool]:
    """Refused rows in which the number stands, however it was written: with a prefix, or without one."""
    digits = func.regexp_replace(cast(ImportRefusal.cells, Text), "[^0-9]", "", "g")
    return (ImportRefusal.phone == phone) | digits.like(f"%{str(phone)[-LAST_DIGITS:]}%")


def search_files(session: Session, platform_id: int, phone: int) -> int:
    """Has the uploaded files that were not imported yet searched for the number; returns how many."""
    from webapp.audience.jobs import erase_from_file

    waiting = session.scalars(
        select(Import.id)
        .where(Import.platform_id == platform_id, Import.status != "running")
        .where(select(ImportPart.number).where(ImportPart.import_id == Import.id).exists())
    ).all()
    sought = suppression.digests(platform_id, phone)[0].hex()
    for import_id in waiting:
        erase_from_file.enqueue(import_id=import_id, sought=sought)
    return len(waiting)
