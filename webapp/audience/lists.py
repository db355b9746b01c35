"""Making, naming and deleting lists. One public function is one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.audience.errors import ListGone, NameTaken
from webapp.audience.models import Import, ImportPart, Recipient, RecipientChunk, RecipientList
from webapp.audience.statistics import lock_list
from webapp.credits import engine
from webapp.db import transaction

NAME_CHARACTERS = 200


def create_list(platform_id: int, name: str, *, now: datetime) -> RecipientList:
    """A new, empty list. Raises `NameTaken`."""
    with transaction() as session:
        made = RecipientList(platform_id=platform_id, name=tidy(name), fields=[], created_at=now)
        with unique_name(session, made.name):
            session.add(made)
            session.flush()
        return made


def rename_list(platform_id: int, list_id: int, name: str) -> None:
    """Raises `NameTaken`, or `ListGone`."""
    with transaction() as session:
        recipient_list = own_list(session, platform_id, list_id)
        with unique_name(session, tidy(name)):
            recipient_list.name = tidy(name)
            session.flush()


@dataclass(frozen=True)
class Deleted:
    """What became of its credits: those returned are unassigned now, those held stay with campaigns."""

    name: str
    credits_returned: int
    credits_held: int


def delete_list(platform_id: int, list_id: int, *, actor: engine.Actor, now: datetime) -> Deleted:
    """Deletes a list; what it has assigned returns, open holds stay as they are (R9), its name stays.

    The recipients are removed by a job, once no hold of the list is open: until a campaign has sent its
    last message it must know who unsubscribed.
    """
    from webapp.audience.jobs import empty_list

    with transaction() as session:
        recipient_list = own_list(session, platform_id, list_id)
        before = credits_of(platform_id, list_id, now)
        engine.free(platform_id, [list_id], actor=actor, now=now, key=f"delete-list:{list_id}")
        recipient_list.deleted_at = now
        session.execute(
            update(Import)
            .where(
                Import.list_id == list_id, Import.status.in_(("uploaded", "checking", "checked", "failed"))
            )
            .values(status="cancelled", finished_at=now)
        )
        empty_list.enqueue(list_id=list_id)
        return Deleted(recipient_list.name, *before)


def credits_of(platform_id: int, list_id: int, now: datetime) -> tuple[int, int]:
    """What a list has assigned, and what is held for it."""
    for balance in engine.balance(platform_id, now=now).lists:
        if balance.list_id == list_id:
            return balance.assigned or 0, balance.held
    return 0, 0


def remove_recipients(list_id: int) -> bool:
    """Removes the people of a deleted list, in pieces. False while campaigns still hold credits for it."""
    if find_deleted(list_id) is None:
        return True
    if has_open_hold(list_id):
        return False
    while remove_piece(list_id):
        pass
    with transaction() as session:
        imports = select(Import.id).where(Import.list_id == list_id)
        session.execute(delete(ImportPart).where(ImportPart.import_id.in_(imports)))
    return True


def has_open_hold(list_id: int) -> bool:
    """Whether a campaign holds credits for the list, a deleted one too."""
    with transaction() as session:
        return bool(session.scalar(OPEN_HOLD, {"list_id": list_id}))


OPEN_HOLD = text(
    """
    SELECT EXISTS (
        SELECT FROM hold JOIN hold_demand ON hold_demand.hold_id = hold.id
        WHERE hold.open AND hold_demand.list_id = :list_id
    )
    """
)


def find_deleted(list_id: int) -> RecipientList | None:
    with transaction() as session:
        deleted = RecipientList.deleted_at.is_not(None)
        return session.scalars(
            select(RecipientList).where(RecipientList.id == list_id, deleted)
        ).one_or_none()


def remove_piece(list_id: int) -> bool:
    """Removes one chunk with its recipients; False when none is left."""
    with transaction() as session:
        lock_list(session, list_id)
        chunk_id = session.scalar(
            select(func.min(RecipientChunk.id)).where(RecipientChunk.list_id == list_id)
        )
        if chunk_id is None:
            return False
        session.execute(delete(Recipient).where(Recipient.chunk_id == chunk_id))
        session.execute(delete(RecipientChunk).where(RecipientChunk.id == chunk_id))
        return True


def own_list(session: Session, platform_id: int, list_id: int) -> RecipientList:
    """The list, locked: nobody else changes it or its recipients until the transaction ends."""
    found = session.scalars(
        select(RecipientList)
        .where(
            RecipientList.platform_id == platform_id,
            RecipientList.id == list_id,
            RecipientList.deleted_at.is_(None),
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise ListGone
    return found


def add_fields(recipient_list: RecipientList, names: list[str]) -> None:
    """Makes merge fields known to a list; those it has keep their place."""
    new = [name for name in names if name not in recipient_list.fields]
    if new:
        recipient_list.fields = [*recipient_list.fields, *new]


def tidy(name: str) -> str:
    return " ".join(name.split())


@contextmanager
def unique_name(session: Session, name: str) -> Iterator[None]:
    """Turns the database's refusal of a second list of one name into `NameTaken`."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if "name_in_use" in str(error.orig):
            raise NameTaken(name) from None
        raise
