"""How long uploaded files and refused rows are kept: they hold people's numbers."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from webapp.audience import suppression, uploads
from webapp.audience.cells import read_number
from webapp.audience.errors import ImportRefused
from webapp.audience.layout import Layout
from webapp.audience.models import Import, ImportRefusal
from webapp.audience.settings import unpacked_bytes_max
from webapp.audience.tables import batches
from webapp.db import transaction
from webapp.pricing.numbers import BadNumber

UPLOAD_KEPT = timedelta(days=7)
REFUSALS_KEPT = timedelta(days=90)
ROWS_AT_ONCE = 10_000
WAITING = ("uploaded", "checking", "checked", "failed")


def forget_old(*, now: datetime) -> None:
    """Cancels uploads nobody confirmed in a week; drops refused rows after ninety days."""
    with transaction() as session:
        old = Import.created_at < now - UPLOAD_KEPT
        waiting = session.scalars(select(Import.id).where(Import.status.in_(WAITING), old)).all()
        session.execute(
            update(Import)
            .where(Import.id.in_(waiting), Import.status != "failed")
            .values(status="cancelled", finished_at=now)
        )
        for import_id in waiting:
            uploads.discard(import_id)
        finished = select(Import.id).where(Import.finished_at < now - REFUSALS_KEPT)
        session.execute(delete(ImportRefusal).where(ImportRefusal.import_id.in_(finished)))


def erase_from_file(import_id: int, sought: bytes, *, now: datetime) -> None:
    """Withdraws an upload in which an erased number stands; the person who uploaded it must do it again."""
    with transaction() as session:
        task = session.get_one(Import, import_id)
        platform_id, layout, country = task.platform_id, Layout.from_json(task.layout), task.country
    try:
        with uploads.on_disk(import_id) as path:
            found = any(
                is_number_of(cell, country, platform_id, sought)
                for batch in batches(path, layout, unpacked_bytes_max(), ROWS_AT_ONCE)
                for row in batch.rows
                for cell in row
            )
    except FileNotFoundError:
        return
    except ImportRefused:
        found = True  # nobody can read it: it goes rather than keep what must not be kept
    if found:
        with transaction() as session:
            task = session.get_one(Import, import_id, with_for_update=True)
            if task.status == "running":
                return  # it leaves the number out by itself, and its file goes when it is done
            task.status, task.finished_at, task.forecast = "cancelled", now, None
        uploads.discard(import_id)


def is_number_of(cell: str, country: str | None, platform_id: int, sought: bytes) -> bool:
    if sum(map(str.isdigit, cell)) < 6:
        return False
    try:
        phone, _country = read_number(cell, country)
    except BadNumber:
        return False
    return sought in suppression.digests(platform_id, phone)
