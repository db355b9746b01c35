"""Saying what an import would do, before it does anything."""

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from webapp.audience import suppression, uploads, writing
from webapp.audience.cells import ERASED
from webapp.audience.errors import ImportRefused
from webapp.audience.importing import BATCH_ROWS, SupersededError
from webapp.audience.layout import Layout
from webapp.audience.models import Import, ImportRefusal
from webapp.audience.reading import Piece, Source, pieces_ahead
from webapp.audience.rows import Plan
from webapp.audience.seen import Seen
from webapp.audience.settings import unpacked_bytes_max
from webapp.db import transaction

Forecast = dict[str, int]


def check_import(import_id: int, *, now: datetime) -> None:
    """Reads the whole file: what is new, known, repeated, refused; the refused rows are kept to look at."""
    with transaction() as session:
        task = session.get_one(Import, import_id)
        if task.status != "checking":
            return
        layout, plan = Layout.from_json(task.layout), Plan.of(task.mapping, task.country)
        platform_id = task.platform_id
        session.execute(delete(ImportRefusal).where(ImportRefusal.import_id == import_id))
    seen, counts = Seen(), Counter[str]()
    try:
        with uploads.on_disk(import_id) as path, closing(looked_at(path, layout, plan)) as pieces:
            for piece in pieces:
                taken = piece.taken
                with transaction() as session:
                    if suppression.share_with_erasures(session, platform_id):
                        erased = suppression.erased_among(session, platform_id, taken.phones)
                        taken = taken.without(erased, ERASED)
                    writing.refuse(session, import_id, taken.refusals)
                    show_progress(session, import_id, piece)
                again = seen.among(taken.phones)
                repeated = taken.repeated + int(again.sum())
                counts.update(rows=taken.read, refused=len(taken.refusals), repeated=repeated)
                seen.add(np.asarray(taken.phones, np.int64)[~again])
        finish(import_id, seen, counts)
    except SupersededError:
        return
    except ImportRefused as refused:
        fail(import_id, refused.sentence, now)
    except FileNotFoundError:
        return


def looked_at(path: Path, layout: Layout, plan: Plan) -> Generator[Piece]:
    return pieces_ahead(Source(path, layout, plan, unpacked_bytes_max(), BATCH_ROWS, to_write=False))


def show_progress(session: Session, import_id: int, piece: Piece) -> None:
    moved = (
        update(Import)
        .where(Import.id == import_id, Import.status == "checking")
        .values(position=piece.position, position_total=piece.position_total)
        .returning(Import.id)
    )
    if session.scalar(moved) is None:
        raise SupersededError


def finish(import_id: int, seen: Seen, counts: Counter[str]) -> None:
    with transaction() as session:
        task = session.get_one(Import, import_id, with_for_update=True, populate_existing=True)
        if task.status != "checking":
            return
        task.forecast = dict(counts) | compared(session, task, seen)
        task.status, task.position = "checked", 0


def compared(session: Session, task: Import, seen: Seen) -> Forecast:
    """How many of the numbers are known already, and how many of those will not be written to."""
    listed = numbers(session, "SELECT phone FROM do_not_contact WHERE platform_id = :id", task.platform_id)
    blocked = int(seen.among(listed).sum())
    if task.list_id is None:
        return {"new": len(seen) - blocked, "known": blocked, "unsubscribed": 0, "do_not_contact": 0}
    known = numbers(session, "SELECT phone FROM recipient WHERE list_id = :id", task.list_id)
    unsubscribed = numbers(
        session,
        "SELECT phone FROM recipient WHERE list_id = :id AND status = 'unsubscribed'",
        task.list_id,
    )
    there = int(seen.among(known).sum())
    return {
        "new": len(seen) - there,
        "known": there,
        "unsubscribed": int(seen.among(unsubscribed).sum()),
        "do_not_contact": blocked,
    }


def numbers(session: Session, statement: str, owner_id: int) -> NDArray[np.int64]:
    found = session.execute(text(statement), {"id": owner_id}).scalars()
    return np.fromiter(found, np.int64)


def fail(import_id: int, sentence: str, now: datetime) -> None:
    with transaction() as session:
        session.execute(
            update(Import)
            .where(Import.id == import_id, Import.status == "checking")
            .values(status="failed", failure=sentence, finished_at=now)
        )
    uploads.discard(import_id)


def refusals_by_reason(session: Session, import_id: int) -> list[tuple[str, int]]:
    """Why rows are refused, and how many each; the commonest first."""
    counted = text(
        "SELECT reason, count(*) FROM import_refusal WHERE import_id = :id GROUP BY reason ORDER BY 2 DESC, 1"
    )
    return [(reason, count) for reason, count in session.execute(counted, {"id": import_id})]
