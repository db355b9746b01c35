"""Tables handed out as XLSX or CSV: the one place that writes a cell.

Whatever a person typed stays text when the file is opened: a cell that begins with `=` is no formula,
a control character breaks no file. Numbers, days and instants are real ones, so that they can be summed
and sorted. Rows are streamed: a file of a million rows needs no more memory than one of ten.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import IO, Any, Literal

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

Kind = Literal["text", "number", "decimal", "day", "instant", "any"]
Value = str | int | float | Decimal | date | datetime | None

XLSX_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_MIME = "text/csv; charset=utf-8"
SHEET_ROWS = 1_048_576  # what one sheet holds, its header included
CELL_CHARACTERS = 32_767  # what one cell holds, counted as Excel does in UTF-16 units
WIDEST = 80
FIRST_EXCEL_DAY = date(1900, 3, 1)  # before it Excel's calendar has a day that never was
FORMATS: dict[Kind, str] = {
    "text": "@",
    "number": "#,##0",
    "decimal": "#,##0.00",
    "day": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
    "any": "General",
}
WIDTHS: dict[Kind, int] = {"text": 24, "number": 14, "decimal": 14, "day": 12, "instant": 20, "any": 24}

# What XML 1.0 cannot hold (tab and line feed it can), and the lone halves of surrogate pairs.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")
# Excel reads `_x0041_` in a string as the letter A; an escaped underscore keeps it as it was written.
EXCEL_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
FORMULA_START = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|[\t\n]")
HARMLESS_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?\Z")


@dataclass(frozen=True)
class Column:
    """One column: its title, what its cells are, and its width in characters (0: by the kind).

    The cells of kind "any" differ; each is formatted by what it holds.
    """

    title: str
    kind: Kind = "text"
    width: int = 0


@dataclass(frozen=True)
class Sheet:
    """A table to write. `rows` may be a generator and is read once; a row has a value per column.

    Instants in it are aware; they are written as the wall clock of `zone` shows them.
    """

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    zone: tzinfo = field(default=UTC)


def write_xlsx(file: IO[bytes] | str, sheets: Iterable[Sheet]) -> int:
    """Write the sheets as one workbook; returns the number of rows, headers not counted.

    A table longer than a sheet goes on in further sheets, each with the header again.
    Raises ValueError for an instant without a time zone.
    """
    book = Workbook(write_only=True)
    written = sum(_write_sheet(book, sheet) for sheet in sheets)
    if not book.worksheets:
        book.create_sheet("Sheet")
    book.save(file)
    return written


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The sheet as lines of CSV, RFC 4180, the byte order mark first so that Excel reads UTF-8.

    Text that a spreadsheet would take for a formula gets an apostrophe in front; a plain number such
    as +393331234567 is harmless and stays. Raises ValueError for an instant without a time zone.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow([safe_text(column.title) for column in sheet.columns])
    for row in sheet.rows:
        yield _drain(buffer)
        writer.writerow([_csv_value(value, sheet.zone) for value in row])
    yield _drain(buffer)


def clean_text(text: str) -> str:
    """The text without what no file can hold: control characters go, every line end is a line feed."""
    return UNWRITABLE.sub("", LINE_ENDS.sub("\n", text))


def safe_text(text: str) -> str:
    """The text for a CSV cell, cleaned and never a formula."""
    cleaned = clean_text(text)
    if FORMULA_START.match(cleaned) and not HARMLESS_NUMBER.match(cleaned):
        return "'" + cleaned
    return cleaned


def file_name(*words: str, extension: str) -> str:
    """A name for a download, safe on every system: letters, digits, dots and hyphens only."""
    joined = "-".join(re.sub(r"[^0-9A-Za-z.]+", "-", word).strip("-.") for word in words)
    return f"{joined.strip('-').lower()[:120] or 'export'}.{extension}"


def _write_sheet(book: Workbook, sheet: Sheet) -> int:
    rows = iter(sheet.rows)
    written, part = 0, 1
    row = next(rows, None)
    while row is not None or part == 1:
        with _worksheet(book, sheet, part) as worksheet:
            cells = _cells(worksheet, sheet.columns)
            filled = 1
            while row is not None and filled < SHEET_ROWS:
                worksheet.append(
                    [_fill(cell, value, sheet.zone) for cell, value in zip(cells, row, strict=True)]
                )
                filled += 1
                row = next(rows, None)
            worksheet.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{filled}"
        written += filled - 1
        part += 1
    return written


@contextmanager
def _worksheet(book: Workbook, sheet: Sheet, part: int) -> Iterator[Any]:
    """One sheet with its header, closed at the end; when the rows fail, its temporary file goes too."""
    worksheet: Any = book.create_sheet(_sheet_title(sheet.title, part))
    worksheet.freeze_panes = "A2"
    for index, column in enumerate(sheet.columns, 1):
        worksheet.column_dimensions[get_column_letter(index)].width = _width(column)
    worksheet.append([_header_cell(worksheet, column) for column in sheet.columns])
    try:
        yield worksheet
    except BaseException:
        worksheet.close()
        worksheet._writer.cleanup()
        raise
    worksheet.close()


def _sheet_title(title: str, part: int) -> str:
    ending = f" ({part})" if part > 1 else ""
    plain = re.sub(r"[\[\]:*?/\\]", " ", clean_text(title)).strip(" '\n\t") or "Sheet"
    return plain[: 31 - len(ending)] + ending


def _width(column: Column) -> int:
    return min(column.width or max(WIDTHS[column.kind], len(column.title) + 2), WIDEST)


def _header_cell(worksheet: Any, column: Column) -> Any:
    cell = WriteOnlyCell(worksheet)
    _set_text(cell, column.title)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="FFE8ECF2")
    aligned = "left" if column.kind == "text" else "right"
    cell.alignment = Alignment(horizontal=aligned, vertical="center")
    return cell


def _cells(worksheet: Any, columns: Sequence[Column]) -> list[Any]:
    """One cell a column, styled once and filled again for every row: each row is written at once."""
    return [_cell(worksheet, column.kind) for column in columns]


def _cell(worksheet: Any, kind: Kind) -> Any:
    cell = _AnyCell(worksheet, row=1, column=1) if kind == "any" else WriteOnlyCell(worksheet)
    cell.number_format = FORMATS[kind]
    return cell


class _AnyCell(Cell):
    """A cell whose format follows what it is filled with."""

    def fits(self, value: Value) -> None:
        # A style of its own: the workbook keeps the one it has seen, and would see it change.
        self._style = copy(self._style)  # type: ignore[has-type]
        self.number_format = FORMATS[_kind_of(value)]


def _kind_of(value: Value) -> Kind:
    if isinstance(value, datetime):
        return "instant"
    if isinstance(value, date):
        return "day"
    return "text" if isinstance(value, str) else "number"


def _fill(cell: Any, value: Value, zone: tzinfo) -> Any:
    """Sets value and type straight, past openpyxl's guess, which makes `=1+1` a formula, `#N/A` an error."""
    if value is None:
        return None
    if isinstance(cell, _AnyCell):
        cell.fits(value)
    if isinstance(value, datetime):
        value = _wall_clock(value, zone)
    if isinstance(value, date) and _in_excel_calendar(value):
        cell._value, cell.data_type = value, "d"
    elif isinstance(value, (int, float, Decimal)) and math.isfinite(value):
        cell._value, cell.data_type = int(value) if isinstance(value, bool) else value, "n"
    else:
        _set_text(cell, str(value))
    return cell


def _in_excel_calendar(value: date) -> bool:
    day = value.date() if isinstance(value, datetime) else value
    return day >= FIRST_EXCEL_DAY


def _set_text(cell: Any, text: str) -> None:
    cell._value = EXCEL_ESCAPE.sub("_x005F_", _shortened(clean_text(text)))
    cell.data_type = "s"


def _shortened(text: str) -> str:
    if len(text) * 2 <= CELL_CHARACTERS:
        return text
    units = text.encode("utf-16-le")[: CELL_CHARACTERS * 2]
    return units.decode("utf-16-le", errors="ignore")


def _wall_clock(instant: datetime, zone: tzinfo) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {instant!r}")
    return instant.astimezone(zone).replace(tzinfo=None, microsecond=0)


def _csv_value(value: Value, zone: tzinfo) -> str | int | float | Decimal:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _wall_clock(value, zone).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return safe_text(value)
    return int(value) if isinstance(value, bool) else value


def _drain(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
