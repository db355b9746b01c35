"""An XLSX file as an archive of parts: found by what they are for, and unpacked within bounds."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any

from flask_babel import gettext as _
from lxml import etree
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from webapp.audience.errors import ImportRefused

SHEETS_MAX = 1_000
SMALL_PART_BYTES = 64 << 20  # of the list of sheets and of the styles, which are read whole
EPOCH_1900, EPOCH_1904 = datetime(1899, 12, 30, tzinfo=UTC), datetime(1904, 1, 1, tzinfo=UTC)
# What a damaged archive raises; zipfile says NotImplementedError of a packing it does not know.
BROKEN = (zipfile.BadZipFile, etree.XMLSyntaxError, zlib.error, EOFError, KeyError, NotImplementedError)


class Counted:
    """A part of the file being unpacked; refuses to go on beyond what all parts together may have."""

    def __init__(self, stream: IO[bytes], budget: "Budget") -> None:
        self.stream, self.budget, self.position = stream, budget, 0
        self.start = b""

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(min(size, 1 << 16) if size >= 0 else 1 << 16)
        self.position += len(data)
        self.budget.spend(len(data))
        if self.position <= 1 << 16 and b"<!DOCTYPE" in data:
            raise ImportRefused(_("This Excel file holds something that no spreadsheet program writes."))
        return data


class Budget:
    """How many bytes may still be unpacked."""

    def __init__(self, bytes_max: int) -> None:
        self.left = bytes_max

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ImportRefused(
                _("This Excel file is larger inside than this installation accepts. Save it as CSV.")
            )


@contextmanager
def broken_files_refused() -> Iterator[None]:
    try:
        yield
    except BROKEN as problem:
        raise ImportRefused(
            _("This Excel file cannot be read: it is damaged, or has a password. Save it again.")
        ) from problem


class Book:
    """An open workbook: its parts by what they are for."""

    def __init__(self, archive: zipfile.ZipFile, bytes_max: int) -> None:
        self.archive, self.budget = archive, Budget(bytes_max)
        self.path = self.office_document()
        self.relations = self.related(self.path)
        root = self.tree(self.path)
        self.sheets = self.sheet_paths(root)
        properties = next(elements(root, "workbookPr"), None)
        date1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self.epoch = EPOCH_1904 if date1904 else EPOCH_1900

    def open(self, path: str) -> Counted:
        return Counted(self.archive.open(path), self.budget)

    def tree(self, path: str) -> Any:
        """A small part, whole."""
        if self.archive.getinfo(path).file_size > SMALL_PART_BYTES:
            raise zipfile.BadZipFile(f"{path} is too large")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return etree.parse(self.open(path), parser).getroot()

    def related(self, path: str) -> dict[str, tuple[str, str]]:
        """The parts a part refers to: id -> kind, path."""
        part = PurePosixPath(path)
        name = str(part.parent / "_rels" / f"{part.name}.rels")
        if name not in self.archive.NameToInfo:
            return {}
        return {
            each.get("Id"): (each.get("Type", "").rpartition("/")[2], resolved(part, each.get("Target", "")))
            for each in elements(self.tree(name), "Relationship")
            if each.get("TargetMode") != "External"
        }

    def office_document(self) -> str:
        for each in elements(self.tree("_rels/.rels"), "Relationship"):
            if each.get("Type", "").endswith("/officeDocument"):
                return resolved(PurePosixPath("x"), each.get("Target", ""))
        raise zipfile.BadZipFile("no workbook in it")

    def sheet_paths(self, root: Any) -> dict[str, str]:
        """The sheets with rows, visible ones first, in the order of the workbook."""
        found = []
        for sheet in list(elements(root, "sheet"))[:SHEETS_MAX]:
            relation = next((v for k, v in sheet.attrib.items() if k.rpartition("}")[2] == "id"), "")
            kind, path = self.relations.get(relation, ("", ""))
            if kind == "worksheet" and path in self.archive.NameToInfo:
                found.append((sheet.get("state", "visible") != "visible", sheet.get("name", ""), path))
        if not found:
            raise zipfile.BadZipFile("no sheet in it")
        return {name: path for _hidden, name, path in sorted(found, key=lambda each: each[0])}

    def part(self, kind: str) -> str | None:
        """The path of the one part of this kind."""
        path = next((path for found, path in self.relations.values() if found == kind), None)
        return path if path in self.archive.NameToInfo else None


def resolved(base: PurePosixPath, target: str) -> str:
    """A path inside the archive, from one relative to a part of it."""
    if target.startswith("/"):
        return target[1:]
    pieces: list[str] = []
    for piece in (base.parent / target).parts:
        if piece == "..":
            pieces = pieces[:-1]
        else:
            pieces.append(piece)
    return "/".join(pieces)


def elements(root: Any, name: str) -> Iterator[Any]:
    """Elements of this local name, whatever namespace the program that wrote the file uses."""
    return root.iter(f"{{*}}{name}")  # type: ignore[no-any-return]


def date_styles(book: Book) -> set[str]:
    """The numbers of the cell styles that show a number as a date."""
    path = book.part("styles")
    if path is None:
        return set()
    root = book.tree(path)
    own = {each.get("numFmtId"): each.get("formatCode", "") for each in elements(root, "numFmt")}
    formats = next(elements(root, "cellXfs"), ())
    return {
        str(index)
        for index, style in enumerate(formats)
        if is_date_format(own.get(style.get("numFmtId")) or builtin_format(style.get("numFmtId")))
    }


def builtin_format(number: str | None) -> str:
    return BUILTIN_FORMATS.get(int(number or 0), "General")
