"""How a file of a table is written: format, encoding, delimiter, header; told from the file itself.

Pure but for reading the file. What is told wrong a person corrects on the page, so a `Layout` is a plain
value that is kept with the import.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flask_babel import gettext as _

from webapp.audience.cells import read_number
from webapp.audience.errors import ImportRefused
from webapp.pricing.numbers import BadNumber

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 200
SCANNED_BYTES = 1 << 20
COLUMNS_MAX = 500
CELL_CHARACTERS_MAX = 1 << 20
PREAMBLE_ROWS = 20  # a title, an empty line, a date: above the header there may be so many rows

DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8-sig", "utf-16", "cp1252", "iso-8859-1", "cp1250", "cp1251", "mac_roman")
PHONE_WORDS = re.compile(
    r"phone|mobile|\btel|cell|msisdn|\bsms\b|handy|gsm|whatsapp|numero|número|nummer|recipient|\bnumber\b",
    re.IGNORECASE,
)


NumberedRow = tuple[int, Sequence[str]]


@dataclass(frozen=True)
class Layout:
    """How to read a file. `header_row` counts from 1, 0 says that there is none; `sheet` is of XLSX only."""

    format: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    header_row: int = 0
    headers: tuple[str, ...] = ()

    @property
    def first_row(self) -> int:
        """The first row with data, counted from 1."""
        return self.header_row + 1

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, object]) -> "Layout":
        values: dict[str, object] = dict(stored)
        for name in ("sheets", "headers"):
            values[name] = tuple(values.get(name) or ())  # type: ignore[arg-type]
        return cls(**values)  # type: ignore[arg-type]


def format_of(start: bytes) -> str:
    """`csv` or `xlsx`, by the first bytes, whatever the name says. Raises `ImportRefused`."""
    if not start.strip():
        raise ImportRefused(_("This file is empty."))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportRefused(
            _("This is an old Excel file (.xls), or one with a password. Save it as .xlsx without one.")
        )
    if start.startswith(b"PK"):
        return "xlsx"
    if b"\x00" in start and not looks_like_utf16(start):
        raise ImportRefused(_("This is neither a CSV nor an Excel file."))
    return "csv"


def looks_like_utf16(start: bytes) -> bool:
    return bool(utf16_of(start))


def utf16_of(start: bytes) -> str:
    """The name of the UTF-16 encoding of these bytes; empty when it is another one."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = start[: len(start) // 2 * 2]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.3 * len(sample) / 2 and even < odd / 10:
        return "utf-16-le"
    if even > 0.3 * len(sample) / 2 and odd < even / 10:
        return "utf-16-be"
    return ""


def encoding_of(path: Path) -> str:
    """UTF-16 by its marks, UTF-8 when the whole file is, else the Windows or ISO Latin encoding."""
    with path.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
        if name := utf16_of(start):
            return name
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        undefined = False
        is_utf8 = True
        for piece in iter(lambda: file.read(SCANNED_BYTES), b""):
            undefined = undefined or any(byte in piece for byte in b"\x81\x8d\x8f\x90\x9d")
            is_utf8 = is_utf8 and decodes(decoder, piece)
        if is_utf8 and decodes(decoder, b"", final=True):
            return "utf-8-sig"
    return "iso-8859-1" if undefined else "cp1252"


def decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def delimiter_of(sample: str) -> str:
    """The delimiter that cuts the sample into the most alike rows of more than one cell."""
    if told := re.match(r"\s*sep=(.)\r?\n", sample, re.IGNORECASE):
        return told[1]
    lines = sample.splitlines(keepends=True)
    return max(DELIMITERS, key=lambda delimiter: alikeness(lines, delimiter))


def alikeness(lines: list[str], delimiter: str) -> tuple[float, int]:
    """How many of the rows have the commonest width, and that width; 0 when they are not cut at all."""
    rows = [row for row in csv.reader(lines[:SAMPLE_ROWS], delimiter=delimiter) if any(row)]
    if not rows:
        return 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return (count / len(rows), width) if width > 1 else (0.0, 0)


def is_number(cell: str, country: str | None) -> bool:
    try:
        read_number(cell, country)
    except BadNumber:
        return looks_like_number(cell)
    return True


def looks_like_number(cell: str) -> bool:
    """Whether it could be a number of a country that is not chosen yet."""
    digits = sum(character.isdigit() for character in cell)
    return 8 <= digits <= 15 and not re.search(r"[^\W\d_]", cell) and not DATE.fullmatch(cell.strip())


DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?")


def phone_column(rows: Sequence[Sequence[str]], headers: Sequence[str], country: str | None) -> int | None:
    """The column with most numbers; one whose header says so wins over one a little fuller."""
    width = max((len(row) for row in rows), default=0)
    best, best_score = None, 0.0
    for index in range(width):
        cells = [row[index] for row in rows if index < len(row) and row[index].strip()]
        if not cells:
            continue
        share = sum(is_number(cell, country) for cell in cells) / len(rows)
        named = index < len(headers) and PHONE_WORDS.search(headers[index]) is not None
        score = share + 0.5 * named if share > 0.2 or named else 0.0
        if score > best_score:
            best, best_score = index, score
    return best


def with_header(layout: Layout, rows: Sequence[tuple[int, Sequence[str]]]) -> Layout:
    """The layout with the row of the header, found among the first rows (numbered as in the file).

    It stands above the first row with a phone number, as its first row that is about as full as the
    data; rows above it are a title and such.
    """
    filled = [(number, row) for number, row in rows if any(cell.strip() for cell in row)]
    if not filled:
        raise ImportRefused(_("This file has no rows."))
    if max(len(row) for _number, row in filled) > COLUMNS_MAX:
        raise ImportRefused(_("This file has more than 500 columns. Keep those you need and try again."))
    place = next(
        (place for place, (_number, row) in enumerate(filled) if any(is_number(cell, None) for cell in row)),
        None,
    )
    if place == 0 or (place is None and not looks_like_header(filled[0][1])):
        return replace(layout, header_row=0, headers=())
    number, row = header_among(filled[: place or 1], filled[place or 1 :])
    return replace(layout, header_row=number, headers=tuple(cell.strip() for cell in row))


def header_among(above: Sequence[NumberedRow], data: Sequence[NumberedRow]) -> NumberedRow:
    """The header among the rows above the data: never a later row than need be, for no row may be lost."""
    usual = max((filled_cells(row) for _number, row in data), default=0)
    for each in above[:PREAMBLE_ROWS]:
        if 2 * filled_cells(each[1]) > usual:
            return each
    return above[-1]


def filled_cells(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def looks_like_header(row: Sequence[str]) -> bool:
    """Words, each another one, no figures."""
    words = [cell.strip() for cell in row if cell.strip()]
    return bool(words) and len(set(words)) == len(words) and not any(re.search(r"\d", word) for word in words)


def with_or_without_header(layout: Layout, rows: Sequence[tuple[int, Sequence[str]]], header: bool) -> Layout:
    """The layout as a person says: the first rows have a header, or none."""
    if not header:
        return replace(layout, header_row=0, headers=())
    if layout.header_row or not rows:
        return layout
    number, row = rows[0]
    return replace(layout, header_row=number, headers=tuple(cell.strip() for cell in row))
