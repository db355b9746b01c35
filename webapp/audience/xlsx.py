"""Reading XLSX as a stream: a million rows in the memory of a few, whatever the file claims.

openpyxl keeps all shared strings of a workbook in memory, and trusts its sizes. Here they lie in a
temporary file, and what is unpacked is counted while it is read: a small file that swells to terabytes is
refused. Formulas give the value they had when the file was saved; merged cells give it once.
"""

import re
import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from lxml import etree

from webapp.audience.workbook import SMALL_PART_BYTES, Book, Counted, broken_files_refused, date_styles

COLUMNS_MAX = 16_384
CELL_CHARACTERS_MAX = 1 << 20
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
WHOLE = re.compile(r"-?[0-9]{1,17}")


def sheet_names(path: Path) -> list[str]:
    """The names of the sheets, visible ones first. Raises `ImportRefused`."""
    with broken_files_refused(), zipfile.ZipFile(path) as archive:
        return list(Book(archive, SMALL_PART_BYTES * 4).sheets)


@contextmanager
def opened(path: Path, sheet: str, bytes_max: int) -> Iterator["Reader"]:
    """A reader of one sheet. Raises `ImportRefused`, then and while reading."""
    with broken_files_refused(), ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(path))
        book = Book(archive, bytes_max)
        strings = SharedStrings(stack.enter_context(tempfile.TemporaryFile()))
        if shared := book.part("sharedStrings"):
            strings.load(book.open(shared))
        yield Reader(book, book.sheets[sheet], strings)


class SharedStrings:
    """The strings of a workbook in a temporary file, with the place of each."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.ends = array("Q")
        self.kept: dict[int, str] = {}

    def load(self, stream: Counted) -> None:
        end = 0
        for item in closed_elements(stream, "si"):
            data = text_of(item).encode("utf-8", "replace")
            end += self.file.write(data)
            self.ends.append(end)
        self.file.flush()

    def __getitem__(self, index: int) -> str:
        if (known := self.kept.get(index)) is not None:
            return known
        if not 0 <= index < len(self.ends):
            raise zipfile.BadZipFile(f"there is no string {index}")
        start = self.ends[index - 1] if index else 0
        self.file.seek(start)
        text = self.file.read(self.ends[index] - start).decode("utf-8")
        if len(self.kept) >= KEPT_STRINGS:
            self.kept.clear()
        self.kept[index] = text
        return text


KEPT_STRINGS = 20_000


def closed_elements(stream: Counted, name: str) -> Iterator[Any]:
    """Each element of this name once it is complete; what was read before is let go."""
    parse = etree.iterparse(
        stream,
        events=("end",),
        tag=f"{{*}}{name}",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    for _event, element in parse:
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def text_of(item: Any) -> str:
    """The text of a string in all its runs, without the reading aids of Japanese."""
    text = "".join(
        run.text or "" for run in item.iter("{*}t") if etree.QName(run.getparent()).localname != "rPh"
    )
    return unescaped(text[:CELL_CHARACTERS_MAX])


def unescaped(text: str) -> str:
    """`_x000D_` is how the format writes a character that XML cannot hold."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class Reader:
    """The rows of a sheet that are not empty: number and cells as text; `position` of `total` bytes read."""

    def __init__(self, book: Book, path: str, strings: SharedStrings) -> None:
        self.stream = book.open(path)
        self.total = book.archive.getinfo(path).file_size
        self.strings = strings
        self.epoch = book.epoch
        self.date_styles = date_styles(book)

    @property
    def position(self) -> int:
        return self.stream.position

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        number = 0
        with broken_files_refused():
            for element in closed_elements(self.stream, "row"):
                told = element.get("r", "")
                number = int(told) if told.isdigit() else number + 1
                cells = self.cells(element)
                if any(cells):
                    yield number, cells

    def cells(self, row: Any) -> list[str]:
        """The cells as text, those left out empty."""
        cells: list[str] = []
        for cell in row:
            if not isinstance(cell.tag, str) or not cell.tag.endswith("}c"):
                continue
            place = column_of(cell.get("r", "")) if cell.get("r") else len(cells)
            if place >= COLUMNS_MAX:
                raise zipfile.BadZipFile("a cell beyond the last column")
            cells.extend([""] * (place - len(cells)))
            cells.append(self.text(cell))
        return cells

    def text(self, cell: Any) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return text_of(cell)
        value = next((child.text or "" for child in cell if child.tag.endswith("}v")), "")
        if not value or kind == "e":
            return ""
        if kind == "s":
            return self.strings[int(value)]
        if kind == "str":
            return unescaped(value[:CELL_CHARACTERS_MAX])
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":
            return str(value)
        return self.number(value, cell.get("s"))

    def number(self, value: str, style: str | None) -> str:
        """A number as a person would write it, a day or an instant as ISO 8601."""
        if WHOLE.fullmatch(value) and style not in self.date_styles:
            return value
        try:
            number = float(value)
        except ValueError:
            return value
        if style in self.date_styles:
            return written_date(self.epoch, number)
        if number == int(number) and abs(number) < 1e17:
            return str(int(number))
        return repr(number)


def column_of(reference: str) -> int:
    """The place of the column of a cell from 0: `C7` is 2."""
    place = 0
    for character in reference:
        if not character.isalpha():
            break
        place = place * 26 + ord(character.upper()) - 64
        if place > COLUMNS_MAX:
            break
    return place - 1


def written_date(epoch: datetime, serial: float) -> str:
    """A day, an instant or a time of day as ISO 8601; what is out of the calendar stays a number."""
    try:
        at = epoch + timedelta(seconds=round(serial * 86_400))
    except (OverflowError, ValueError):
        return repr(serial)
    if 0 <= serial < 1:
        return at.strftime("%H:%M:%S")
    return at.strftime("%Y-%m-%d") if serial == int(serial) else at.strftime("%Y-%m-%d %H:%M:%S")
