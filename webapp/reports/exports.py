"""Files of reports and of the ledger: small ones at once, large ones by a worker, kept for a week.

A file made in the background lies in the database in pieces, so that any web process can send what any
worker has made. A worker that is killed begins the file anew; half a file is never handed out.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import IO, Any
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from webapp.accounts.models import Platform
from webapp.credits.movement_query import Filters
from webapp.db import db, transaction
from webapp.reports import ledger_sheets, usage
from webapp.reports.models import FAILED, READY, RUNNING, WAITING, Export, ExportPart
from webapp.reports.usage import Scope, Usage
from webapp.reports.workbooks import About, Progress, usage_sheets
from webapp.web.spreadsheets import Sheet, csv_lines, file_name, write_xlsx

DIRECT_ROWS = 5_000  # a file of so many rows takes about a second
KEPT_DAYS = 7
PART_BYTES = 1 << 20


@dataclass(frozen=True)
class Order:
    """A file asked for: what is in it, in which form and language, and who asked."""

    platform_id: int
    kind: str
    scope: dict[str, Any]
    title: str
    file_name: str
    rows: int
    format: str
    language: str
    by_id: int | None
    by_name: str


def usage_order(
    scope: Scope, found: Usage, title: str, *, language: str, by_id: int | None, by_name: str
) -> Order:
    """The file of a usage report."""
    name = file_name(_("usage"), title, f"{scope.from_on}", f"{scope.to_on}", extension="xlsx")
    rows = row_count(scope, found)
    return Order(
        scope.platform_id, "usage", to_json(scope), title, name, rows, "xlsx", language, by_id, by_name
    )


def row_count(scope: Scope, found: Usage) -> int:
    """About how many rows the file will have."""
    return found.total.messages if scope.level == "messages" else found.roll_ups


def to_json(scope: Scope) -> dict[str, Any]:
    return {
        "from": scope.from_on.isoformat(),
        "to": scope.to_on.isoformat(),
        "list": scope.list_key,
        "campaign": scope.campaign_key,
        "country": scope.country,
    }


def from_json(platform_id: int, stored: dict[str, Any]) -> Scope:
    days = date.fromisoformat(stored["from"]), date.fromisoformat(stored["to"])
    return Scope(platform_id, *days, stored["list"], stored["campaign"], stored["country"])


def start(order: Order, *, now: datetime) -> Export:
    """Has a worker make the file; the answer is its row, which tells how far it is."""
    from webapp.reports.jobs import make_file

    with transaction() as session:
        export = Export(
            platform_id=order.platform_id,
            kind=order.kind,
            format=order.format,
            scope=order.scope,
            title=order.title,
            file_name=order.file_name,
            rows_total=order.rows,
            language=order.language,
            by_id=order.by_id,
            by_name=order.by_name,
            created_at=now,
            delete_at=now + timedelta(days=KEPT_DAYS),
        )
        session.add(export)
        session.flush()
        make_file.enqueue(export_id=export.id)
        return export


def write_order(order: Order, file: IO[bytes], *, now: datetime, progress: Progress | None = None) -> int:
    """Writes the file that was asked for; returns its rows. `progress` is told the rows done."""
    platform = db.session.get_one(Platform, order.platform_id)
    with force_locale(order.language):
        sheets = sheets_of(order, platform, now, progress or (lambda rows: None))
        if order.format == "xlsx":
            return write_xlsx(file, sheets)
        return write_csv(file, next(iter(sheets)))


def sheets_of(order: Order, platform: Platform, now: datetime, progress: Progress) -> Iterable[Sheet]:
    zone = ZoneInfo(platform.time_zone)
    if order.kind == "ledger":
        return ledger_sheets.sheets(platform.id, ledger_sheets.from_json(order.scope), zone, progress)
    scope = from_json(platform.id, order.scope)
    lists = usage.list_names([scope.list_key or 0])
    campaigns = usage.campaign_names([scope.campaign_key or 0])
    about = About(
        platform=platform.name,
        list_name=_("No list") if scope.list_key == 0 else lists.get(scope.list_key or 0, (None,))[0],
        campaign_name=_("Single messages")
        if scope.campaign_key == 0
        else campaigns.get(scope.campaign_key or 0, (None,))[0],
        made_at=now,
        zone=zone,
    )
    return usage_sheets(scope, about, progress)


def write_csv(file: IO[bytes], sheet: Sheet) -> int:
    rows = -1
    for line in csv_lines(sheet):
        file.write(line.encode())
        rows += 1
    return rows


def make(export_id: int, *, now: Callable[[], datetime]) -> None:
    """Makes the file of an export that waits, or that a worker left half made. Run by the worker."""
    export = begin(export_id)
    if export is None:
        return
    with tempfile.TemporaryFile() as file:
        order = order_of(export)
        rows = write_order(order, file, now=now(), progress=lambda done: tell(export_id, done))
        db.session.rollback()
        finish(export_id, file, rows, now())


def begin(export_id: int) -> Export | None:
    """The export, now running; None when it is gone or done."""
    with transaction() as session:
        export = session.get(Export, export_id, with_for_update=True)
        if export is None or export.status in (READY, FAILED):
            return None
        export.status, export.rows_done = RUNNING, 0
        session.flush()
        session.expunge(export)
        return export


def order_of(export: Export) -> Order:
    return Order(
        export.platform_id,
        export.kind,
        export.scope,
        export.title,
        export.file_name,
        export.rows_total,
        export.format,
        export.language,
        export.by_id,
        export.by_name,
    )


def tell(export_id: int, rows: int) -> None:
    """Says how far it is, on a connection of its own: the one that reads must not commit in between."""
    with Session(db.engine, join_transaction_mode="create_savepoint") as session:
        session.execute(update(Export).where(Export.id == export_id).values(rows_done=rows))
        session.commit()


def finish(export_id: int, file: IO[bytes], rows: int, now: datetime) -> None:
    """Keeps the file, all of its pieces at once; one that was deleted meanwhile is not kept."""
    with transaction() as session:
        wanted = select(Export.id).where(Export.id == export_id).with_for_update()
        if session.execute(wanted).first() is None:
            return
        session.execute(delete(ExportPart).where(ExportPart.export_id == export_id))
        size = 0
        for number, data in enumerate(pieces(file)):
            session.execute(insert(ExportPart).values(export_id=export_id, number=number, data=data))
            size += len(data)
        values = {"status": READY, "rows_done": rows, "file_bytes": size, "finished_at": now}
        session.execute(update(Export).where(Export.id == export_id).values(**values))


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0, os.SEEK_SET)
    while data := file.read(PART_BYTES):
        yield data


def give_up(export_id: int, *, now: datetime) -> None:
    """A file that could not be made says so, instead of waiting for ever."""
    with transaction() as session:
        open_ones = (WAITING, RUNNING)
        statement = update(Export).where(Export.id == export_id, Export.status.in_(open_ones))
        session.execute(statement.values(status=FAILED, finished_at=now))


def parts(export_id: int) -> Iterator[bytes]:
    """The pieces of a file in their order, one in memory at a time."""
    number = 0
    statement = select(ExportPart.data).where(ExportPart.export_id == export_id)
    while (data := db.session.scalar(statement.where(ExportPart.number == number))) is not None:
        yield data
        number += 1


def clean_up(*, now: datetime) -> int:
    """Deletes the files whose week is over; returns how many."""
    with transaction() as session:
        return session.execute(delete(Export).where(Export.delete_at <= now)).rowcount  # type: ignore[attr-defined,no-any-return]


def ledger_order(
    platform_id: int,
    filters: Filters,
    rows: int,
    *,
    format: str,  # noqa: A002
    language: str,
    by_id: int | None,
    by_name: str,
    today: date,
) -> Order:
    """The file of a platform's movements."""
    name = file_name(_("ledger"), f"{today}", extension=format)
    scope = ledger_sheets.to_json(filters)
    return Order(platform_id, "ledger", scope, _("Ledger"), name, rows, format, language, by_id, by_name)
