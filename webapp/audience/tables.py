"""Reading the rows of a file, batch by batch, in memory that does not grow with the file.

Pure but for the file. A row keeps the number it has in the spreadsheet, so that a refusal can be found.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from flask_babel import gettext as _

from webapp.audience import layout as layouts
from webapp.audience import xlsx
from webapp.audience.errors import ImportRefused
from webapp.audience.layout import Layout

NumberedRow = tuple[int, Sequence[str]]

csv.field_size_limit(layouts.CELL_CHARACTERS_MAX)


@dataclass(frozen=True)
class Batch:
    """Some rows in their order; `position` of `position_total` bytes of the file were read by then."""

    number: int
    row_numbers: Sequence[int]
    rows: Sequence[Sequence[str]]
    position: int
    position_total: int


class Progress:
    """How far a reader has come in its file."""

    def __init__(self, total: int) -> None:
        self.position, self.total = 0, max(total, 1)


def inspect(path: Path, unpacked_bytes_max: int) -> tuple[Layout, list[NumberedRow]]:
    """How the file is written, and its first rows. Raises `ImportRefused`."""
    with path.open("rb") as file:
        format_name = layouts.format_of(file.read(layouts.SAMPLE_BYTES))
    if format_name == "xlsx":
        sheets = xlsx.sheet_names(path)
        found = Layout("xlsx", sheet=first_filled(path, sheets, unpacked_bytes_max), sheets=tuple(sheets))
    else:
        encoding = layouts.encoding_of(path)
        found = Layout("csv", encoding=encoding, delimiter=layouts.delimiter_of(sample_text(path, encoding)))
    return inspect_as(path, found, unpacked_bytes_max)


def inspect_as(path: Path, found: Layout, unpacked_bytes_max: int) -> tuple[Layout, list[NumberedRow]]:
    """The same for a file of which format, encoding and delimiter are known."""
    rows = sample_rows(path, found, unpacked_bytes_max)
    return layouts.with_header(found, rows), rows


def first_filled(path: Path, sheets: Sequence[str], unpacked_bytes_max: int) -> str:
    """The first sheet that has a row: often the first ones hold a note or nothing."""
    for name in sheets:
        if sample_rows(path, Layout("xlsx", sheet=name), unpacked_bytes_max, count=1):
            return name
    return sheets[0]


def sample_text(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        return file.read(layouts.SAMPLE_BYTES).decode(encoding, errors="replace")


def sample_rows(
    path: Path, layout: Layout, unpacked_bytes_max: int, count: int = layouts.SAMPLE_ROWS
) -> list[NumberedRow]:
    with opened(path, layout, unpacked_bytes_max) as (rows, _progress):
        return list(islice(rows, count))


def batches(path: Path, layout: Layout, unpacked_bytes_max: int, size: int) -> Iterator[Batch]:
    """Every row below the header, empty ones left out, `size` at a time: each time the same ones."""
    with opened(path, layout, unpacked_bytes_max) as (rows, progress):
        data = (row for row in rows if row[0] > layout.header_row)
        number = 0
        while piece := list(islice(data, size)):
            row_numbers, cells = zip(*piece, strict=True)
            yield Batch(number, row_numbers, cells, min(progress.position, progress.total), progress.total)
            number += 1


@contextmanager
def opened(
    path: Path, layout: Layout, unpacked_bytes_max: int
) -> Iterator[tuple[Iterator[NumberedRow], Progress]]:
    """The rows that are not empty, with their numbers. Raises `ImportRefused` when the file is broken."""
    with ExitStack() as stack:
        if layout.format == "xlsx":
            reader = stack.enter_context(xlsx.opened(path, layout.sheet, unpacked_bytes_max))
            progress = Progress(reader.total)
            yield xlsx_rows(reader, progress), progress
        else:
            yield csv_rows(stack, path, layout)


def xlsx_rows(reader: xlsx.Reader, progress: Progress) -> Iterator[NumberedRow]:
    for number, row in reader:
        progress.position = reader.position
        yield number, row


def csv_rows(stack: ExitStack, path: Path, layout: Layout) -> tuple[Iterator[NumberedRow], Progress]:
    progress = Progress(path.stat().st_size)
    raw = stack.enter_context(path.open("rb", buffering=1 << 18))
    text = io.TextIOWrapper(raw, encoding=layout.encoding, newline="")
    stack.callback(text.detach)
    return filled_rows(csv.reader(text, delimiter=layout.delimiter or ","), raw, progress), progress


def filled_rows(reader: Iterator[list[str]], raw: object, progress: Progress) -> Iterator[NumberedRow]:
    """Rows with something in them; a record that breaks is told with its number."""
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            if not number & 0xFFF:
                progress.position = raw.tell()  # type: ignore[attr-defined]
            if any(row) and not (number == 1 and SEPARATOR_LINE.fullmatch("".join(row))):
                yield number, row
        progress.position = progress.total
    except csv.Error as problem:
        raise ImportRefused(broken_record(number + 1, str(problem))) from None
    except UnicodeError:
        raise ImportRefused(
            _("After row %(row)s the file is not in the encoding that was chosen.", row=number)
        ) from None


SEPARATOR_LINE = re.compile(r"sep=.?", re.IGNORECASE)


def broken_record(row: int, problem: str) -> str:
    if "field larger" in problem:
        return str(_("Row %(row)s never ends: a quotation mark is opened in it and not closed.", row=row))
    return str(_("Row %(row)s cannot be read (%(problem)s).", row=row, problem=problem))


def chosen(layout: Layout, *, encoding: str, delimiter: str, sheet: str) -> Layout:
    """The layout as a person corrected it; what does not fit the format is left as it was."""
    if layout.format == "xlsx":
        return replace(layout, sheet=sheet if sheet in layout.sheets else layout.sheet)
    return replace(
        layout,
        encoding=encoding if encoding in layouts.ENCODINGS else layout.encoding,
        delimiter=delimiter if delimiter in layouts.DELIMITERS else layout.delimiter,
    )
