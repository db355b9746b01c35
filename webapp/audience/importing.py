"""Bringing a file into a list: upload, columns, check, confirm, run.

The file is read in batches that are the same each time, and every batch is one transaction with the counts of
the import in it. A worker that is killed loses the batch it was in and nothing else: whoever runs the
import again reads over the batches that are done, remembering their numbers, and goes on behind them.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from flask_babel import gettext as _
from numpy.typing import NDArray
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.audience import statistics, suppression, uploads, writing
from webapp.audience.cells import ERASED
from webapp.audience.chunks import CAPACITY
from webapp.audience.errors import ImportRefused, ListGone
from webapp.audience.layout import Layout
from webapp.audience.lists import add_fields, own_list
from webapp.audience.models import RECIPIENTS, Import, ImportRefusal
from webapp.audience.reading import Piece, Source, pieces_ahead
from webapp.audience.rows import Plan, Taken
from webapp.audience.seen import Seen
from webapp.audience.settings import unpacked_bytes_max
from webapp.db import transaction

BATCH_ROWS = CAPACITY  # so that a batch of new people fills a chunk


class SupersededError(Exception):
    """Another worker is running this import, or it was cancelled: leave it alone."""


@dataclass
class Memory:
    """What one run remembers between batches.

    `seen` are the numbers met. While the list has the version `alone_at`, nobody but this import has
    put anybody on it, so that whoever is not in `seen` is new.
    """

    seen: Seen = field(default_factory=Seen)
    alone_at: int | None = None


Watch = Callable[[int, int], None]
"""Is told after each batch how many bytes of the file are read, and how many it has."""


def run_import(
    import_id: int, *, now: datetime, path: Path | None = None, watch: Watch | None = None
) -> None:
    """Runs a confirmed import from where it stands to its end.

    A file that breaks in the middle ends it as failed, with a sentence; what was taken by then stays.
    """
    with transaction() as session:
        task = session.get_one(Import, import_id)
        if task.status != "running":
            return
    with failures_told(import_id, now), uploads.kept(import_id, path) as file:
        take_file(import_id, file, now, watch)
        finish(import_id, now)


@contextmanager
def failures_told(import_id: int, now: datetime) -> Iterator[None]:
    """What the file is to blame for ends the import with its sentence; anything else is tried again."""
    try:
        yield
    except SupersededError:
        return
    except ListGone:
        end(import_id, "cancelled", None, now)
    except ImportRefused as refused:
        end(import_id, "failed", refused.sentence, now)
    except FileNotFoundError:
        end(
            import_id, "failed", _("The file is no longer kept. Import it again: nobody is added twice."), now
        )


def end(import_id: int, status: str, failure: str | None, now: datetime) -> None:
    with transaction() as session:
        session.execute(
            update(Import)
            .where(Import.id == import_id)
            .values(status=status, failure=failure, finished_at=now)
        )
    uploads.discard(import_id)


def take_file(import_id: int, path: Path, now: datetime, watch: Watch | None = None) -> None:
    with transaction() as session:
        task = session.get_one(Import, import_id)
        layout, plan, done = Layout.from_json(task.layout), Plan.of(task.mapping, task.country), task.batches
        memory = Memory()
        if not done:
            session.execute(delete(ImportRefusal).where(ImportRefusal.import_id == import_id))
            memory.alone_at = version_if_empty(session, task)
    source = Source(path, layout, plan, unpacked_bytes_max(), BATCH_ROWS)
    with closing(pieces_ahead(source)) as pieces:
        for piece in pieces:
            if piece.number >= done:
                take_piece(import_id, piece, memory, now)
            memory.seen.add(piece.taken.phones)
            if watch:
                watch(piece.position, piece.position_total)


def version_if_empty(session: Session, task: Import) -> int | None:
    """The version of the list when nobody is on it yet."""
    if task.list_id is None:
        return None
    version = statistics.lock_list(session, task.list_id)
    return None if statistics.has_recipients(session, task.list_id) else version


def take_piece(import_id: int, piece: Piece, memory: Memory, now: datetime) -> None:
    """One batch in one transaction: people, statistics, refusals and counts; all or nothing."""
    taken = piece.taken
    with transaction() as session:
        task, version = locked(session, import_id, piece.number), 0
        if task.purpose == RECIPIENTS:
            task_list = own_list(session, task.platform_id, list_of(task))
            version = task_list.version
            add_fields(task_list, list(taken.values))
            session.flush()
        if suppression.share_with_erasures(session, task.platform_id):
            erased = suppression.erased_among(session, task.platform_id, taken.phones)
            taken = taken.without(erased, ERASED)
        again = memory.seen.among(taken.phones)
        if task.purpose == RECIPIENTS:
            memory.alone_at = version if memory.alone_at == version else None
            take_recipients(session, task, taken, again, memory, now)
        else:
            take_do_not_contact(task, taken, again, now)
        writing.refuse(session, import_id, taken.refusals)
        task.duplicates += taken.repeated + int(again.sum())
        task.refused += len(taken.refusals)
        task.rows_read += taken.read
        task.batches = piece.number + 1
        task.position, task.position_total = piece.position, piece.position_total


def locked(session: Session, import_id: int, batch: int) -> Import:
    """The import, if it is this batch's turn. Raises `SupersededError`."""
    found = select(Import).where(Import.id == import_id).with_for_update()
    task = session.scalars(found.execution_options(populate_existing=True)).one()
    if task.status != "running" or task.batches != batch:
        raise SupersededError
    return task


def take_recipients(
    session: Session, task: Import, taken: Taken, again: NDArray[np.bool_], memory: Memory, now: datetime
) -> None:
    """Adds who is new and changes who is known; those met `again` are changed too, but were counted."""
    list_id = list_of(task)
    known = known_places(session, list_id, taken, again, memory)
    new = taken.only(np.flatnonzero(~known).tolist())
    if len(new):
        writing.add(session, task.platform_id, list_id, new, now)
    if known.any():
        changed = writing.change(session, list_id, taken.only(np.flatnonzero(known).tolist()), now)
        first_time = {taken.phones[place] for place in np.flatnonzero(known & ~again)}
        task.updated += len(changed & first_time)
        task.unchanged += len(first_time - changed)
    task.added += len(new)
    if memory.alone_at is not None:
        memory.alone_at = statistics.lock_list(session, list_id)


def list_of(task: Import) -> int:
    """The list of an import of recipients; the database sees to it that there is one."""
    if task.list_id is None:
        raise ValueError(f"import {task.id} is not into a list")
    return task.list_id


def known_places(
    session: Session, list_id: int, taken: Taken, again: NDArray[np.bool_], memory: Memory
) -> NDArray[np.bool_]:
    """Which of the rows are of people on the list."""
    if memory.alone_at is not None:
        return again
    there = writing.on_list(session, list_id, taken.phones)
    return np.fromiter((phone in there for phone in taken.phones), np.bool_, len(taken.phones))


def take_do_not_contact(task: Import, taken: Taken, again: NDArray[np.bool_], now: datetime) -> None:
    added = suppression.do_not_contact(
        task.platform_id, taken.phones, reason=task.reason or "", by=task.by_name, now=now
    )
    task.added += added
    task.unchanged += len(taken) - int(again.sum()) - added


def finish(import_id: int, now: datetime) -> None:
    """What is left once every row is in: statistics that changed in many chunks, and the file."""
    with transaction() as session:
        list_id = session.get_one(Import, import_id).list_id
    if list_id is not None:
        statistics.rebuild_all(list_id)
    with transaction() as session:
        task = session.get_one(Import, import_id, with_for_update=True, populate_existing=True)
        if task.status != "running":
            raise SupersededError
        task.status, task.finished_at, task.position = "done", now, task.position_total
    uploads.discard(import_id)
