"""The column chunks in the database: written with the recipients, rebuilt when they changed.

Whoever changes recipients holds the row of the list (`lock_list`), so that nobody else changes them at
the same time and a confirming campaign, which shares that row, waits or is waited for.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.audience import chunks
from webapp.audience.chunks import CAPACITY, Rows
from webapp.audience.models import Recipient, RecipientChunk, RecipientColumn, RecipientList
from webapp.db import transaction
from webapp.pricing.columns import packed_columns

REBUILT_AT_ONCE = 4  # chunks; more than these are left to a job, and read from the rows until then


def lock_list(session: Session, list_id: int) -> int:
    """Keeps everybody else from changing this list until the transaction ends; returns its version."""
    locked = select(RecipientList.version).where(RecipientList.id == list_id).with_for_update(key_share=True)
    return session.scalars(locked).one()


def new_chunk(session: Session, platform_id: int, list_id: int) -> int:
    """An empty chunk; returns its id."""
    chunk = insert(RecipientChunk).values(platform_id=platform_id, list_id=list_id)
    return session.scalars(chunk.returning(RecipientChunk.id)).one()


def chunk_with_room(session: Session, platform_id: int, list_id: int, wanted: int) -> tuple[int, int]:
    """The last chunk of the list if it has room for all of these, else a new one, and how many it has."""
    last = session.execute(
        select(RecipientChunk.id, RecipientChunk.recipients, RecipientChunk.dirty)
        .where(RecipientChunk.list_id == list_id)
        .order_by(RecipientChunk.id.desc())
        .limit(1)
    ).first()
    if last:
        there = count_rows(session, last.id) if last.dirty else last.recipients
        if there + wanted <= CAPACITY:
            return last.id, there
    return new_chunk(session, platform_id, list_id), 0


def count_rows(session: Session, chunk_id: int) -> int:
    return session.scalars(select(func.count()).where(Recipient.chunk_id == chunk_id)).one()


def has_recipients(session: Session, list_id: int) -> bool:
    return session.scalar(select(exists().where(Recipient.list_id == list_id))) or False


def store(session: Session, chunk_id: int, rows: Rows, packed: Mapping[str, bytes] | None = None) -> None:
    """Writes the packed form of these rows, which must be all rows of the chunk, ordered by id.

    `packed` are their columns where somebody has packed them already.
    """
    if packed is None:
        packed = packed_columns(rows.values)
    keys = chunks.keys_of(rows)
    session.execute(
        update(RecipientChunk)
        .where(RecipientChunk.id == chunk_id)
        .values(recipients=len(keys.ids), dirty=False, keys=chunks.pack(keys), summary=chunks.summarise(keys))
    )
    session.query(RecipientColumn).filter_by(chunk_id=chunk_id).delete()
    columns = [{"chunk_id": chunk_id, "field": name, "packed": column} for name, column in packed.items()]
    if columns:
        session.execute(insert(RecipientColumn), columns)


def read_rows(session: Session, chunk_id: int, fields: Iterable[str] | None = None) -> Rows:
    """The recipients of a chunk as they are now, by column. Without `fields`: those that occur."""
    found = session.execute(
        select(Recipient.id, Recipient.phone, Recipient.country, Recipient.status, Recipient.fields)
        .where(Recipient.chunk_id == chunk_id)
        .order_by(Recipient.id)
    ).all()
    if not found:
        return Rows()
    ids, phones, countries, statuses, values = zip(*found, strict=True)
    names = sorted(set().union(*values)) if fields is None else list(fields)
    return Rows(
        ids, phones, countries, statuses,
        {name: [value.get(name, "") for value in values] for name in names},
    )  # fmt: skip


def rebuild(session: Session, chunk_id: int) -> None:
    """Packs a chunk again from its rows; removes it when none is left. The list must be locked."""
    rows = read_rows(session, chunk_id)
    if rows.ids:
        store(session, chunk_id, rows)
    else:
        session.query(RecipientChunk).filter_by(id=chunk_id).delete()


def dirty_chunks(session: Session, list_id: int) -> Sequence[int]:
    """The chunks of a list whose rows changed since they were packed."""
    changed = select(RecipientChunk.id).where(RecipientChunk.list_id == list_id, RecipientChunk.dirty)
    return session.scalars(changed.order_by(RecipientChunk.id)).all()


def refresh(session: Session, list_id: int) -> None:
    """After a change by hand: packs the few changed chunks at once, leaves many to a job."""
    changed = dirty_chunks(session, list_id)
    if len(changed) <= REBUILT_AT_ONCE:
        for chunk_id in changed:
            rebuild(session, chunk_id)
    else:
        from webapp.audience.jobs import rebuild_list

        rebuild_list.enqueue(once=f"audience.rebuild:{list_id}", list_id=list_id)


def rebuild_all(list_id: int) -> int:
    """Packs every changed chunk of a list, each in its own transaction; returns how many."""
    rebuilt = 0
    while True:
        with transaction() as session:
            lock_list(session, list_id)
            changed = dirty_chunks(session, list_id)
            if not changed:
                return rebuilt
            rebuild(session, changed[0])
            rebuilt += 1
