"""Lists, refused rows and the do-not-contact list as files, read from the database as they are written."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import Select, func, select

from webapp.audience.cells import REASONS
from webapp.audience.errors import TooManyForExcel
from webapp.audience.layout import Layout
from webapp.audience.models import DoNotContact, Import, ImportRefusal, RecipientList
from webapp.audience.recipients import Filter, matching
from webapp.db import db
from webapp.web.spreadsheets import Column, Sheet, Value, csv_lines, write_xlsx

XLSX_ROWS_MAX = 100_000  # takes about ten seconds; beyond, CSV is streamed at any size
ROWS_AT_ONCE = 2_000
SENT_BYTES = 1 << 16


def people_sheet(recipient_list: RecipientList, wanted: Filter, zone: ZoneInfo) -> Sheet:
    """The people of a list that match, a column for each field."""
    fields = list(recipient_list.fields)
    columns = [
        Column(_("phone"), width=18),
        *(Column(name) for name in fields),
        Column(_("country"), width=12),
        Column(_("status"), width=14),
        Column(_("added"), "instant"),
        Column(_("unsubscribed"), "instant"),
    ]
    return Sheet(recipient_list.name, columns, people_rows(recipient_list.id, wanted, fields), zone)


def people_rows(list_id: int, wanted: Filter, fields: Sequence[str]) -> Iterator[Sequence[Value]]:
    for person in streamed(matching(list_id, wanted)):
        yield (
            person.e164,
            *(person.fields.get(name, "") for name in fields),
            person.country,
            person.status,
            person.created_at,
            person.unsubscribed_at,
        )


def streamed(statement: Select[Any]) -> Iterator[Any]:
    """The rows without holding all of them."""
    rows = db.session.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)).scalars()
    for row in rows:
        yield row
        db.session.expunge(row)


def count(recipient_list: RecipientList, wanted: Filter) -> int:
    found = matching(recipient_list.id, wanted).order_by(None).limit(XLSX_ROWS_MAX + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(found)) or 0


def require_excel_size(rows: int) -> None:
    """Raises `TooManyForExcel`."""
    if rows > XLSX_ROWS_MAX:
        raise TooManyForExcel(XLSX_ROWS_MAX)


def refusals_sheet(task: Import, headers: Sequence[str], zone: ZoneInfo) -> Sheet:
    """The refused rows of an import as they were, each with its row number and the reason in front."""
    width = max([len(headers), db.session.scalar(widest(task.id)) or 0])
    names = [*headers, *[""] * (width - len(headers))]
    columns = [
        Column(_("row"), "number", width=8),
        Column(_("reason"), width=60),
        *(Column(name or _("column %(number)s", number=place)) for place, name in enumerate(names, 1)),
    ]
    return Sheet(_("Refused rows"), columns, refusal_rows(task.id, width), zone)


def write_refusals(task: Import, path: Path) -> None:
    """The refused rows of an import as a CSV file."""
    sheet = refusals_sheet(task, Layout.from_json(task.layout).headers, ZoneInfo("UTC"))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(sheet))


def widest(import_id: int) -> Select[Any]:
    return select(func.max(func.jsonb_array_length(ImportRefusal.cells))).where(
        ImportRefusal.import_id == import_id
    )


def refusal_rows(import_id: int, width: int) -> Iterator[Sequence[Value]]:
    found = select(ImportRefusal).where(ImportRefusal.import_id == import_id).order_by(ImportRefusal.row)
    for each in streamed(found):
        cells = [*each.cells, *[""] * (width - len(each.cells))]
        yield (each.row, reason_words(each.reason), *cells)


def reason_words(reason: str) -> str:
    """Why a row was refused, in the reader's language."""
    return str(REASONS.get(reason, reason))


def do_not_contact_sheet(platform_id: int, zone: ZoneInfo) -> Sheet:
    """Every number nobody may write to."""
    columns = [
        Column(_("phone"), width=18),
        Column(_("reason"), width=40),
        Column(_("added by")),
        Column(_("added"), "instant"),
    ]
    found = select(DoNotContact).where(DoNotContact.platform_id == platform_id).order_by(DoNotContact.phone)
    rows = ((each.e164, each.reason, each.added_by, each.created_at) for each in streamed(found))
    return Sheet(_("Do not contact"), columns, rows, zone)


def blocked_among(platform_id: int, phones: Sequence[int]) -> set[int]:
    """Those of these numbers that are on the do-not-contact list."""
    found = select(DoNotContact.phone).where(
        DoNotContact.platform_id == platform_id, DoNotContact.phone.in_(phones)
    )
    return set(db.session.scalars(found))


def xlsx_bytes(sheet: Sheet) -> Iterator[bytes]:
    """The sheet as an Excel file, from a file on disk that is gone afterwards."""
    with tempfile.TemporaryFile() as file:
        write_xlsx(file, [sheet])
        file.seek(0)
        while data := file.read(SENT_BYTES):
            yield data
