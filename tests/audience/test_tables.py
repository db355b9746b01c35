"""Files of tables: how they are written is told from them, and their traps do no harm."""

import codecs
import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from webapp.audience import tables
from webapp.audience.errors import ImportRefused
from webapp.audience.layout import Layout
from webapp.audience.tables import batches, inspect

LIMIT = 64 << 20
SEEN = datetime.fromisoformat("2026-11-21 09:30:00")
ROWS = "phone{d}first name{d}city\r\n+393331234567{d}Zoë{d}Köln\r\n+393337654321{d}Ada{d}Roma\r\n"


@pytest.fixture(autouse=True)
def in_app(app: object) -> object:
    with app.app_context():  # type: ignore[attr-defined]
        yield


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(data)
    return path


def read(path: Path, layout: Layout | None = None) -> list[tuple[int, list[str]]]:
    layout = layout or inspect(path, LIMIT)[0]
    return [
        (number, list(row))
        for batch in batches(path, layout, LIMIT, 2)
        for number, row in zip(batch.row_numbers, batch.rows, strict=True)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_delimiter_encoding_and_header_are_told(
    tmp_path: Path, delimiter: str, encoding: str, told: str
) -> None:
    path = written(tmp_path, ROWS.format(d=delimiter).encode(encoding))
    layout, _rows = inspect(path, LIMIT)
    assert (layout.encoding, layout.delimiter, layout.header_row) == (told, delimiter, 1)
    assert layout.headers == ("phone", "first name", "city")
    assert read(path) == [(2, ["+393331234567", "Zoë", "Köln"]), (3, ["+393337654321", "Ada", "Roma"])]


def test_a_letter_that_only_comes_late_decides_the_encoding(tmp_path: Path) -> None:
    text = "phone,name\n" + "+393331234567,Ada\n" * 30_000 + "+393337654321,Zoë\n"
    assert inspect(written(tmp_path, text.encode("cp1252")), LIMIT)[0].encoding == "cp1252"
    assert inspect(written(tmp_path, text.encode("utf-8")), LIMIT)[0].encoding == "utf-8-sig"


def test_rows_keep_the_numbers_they_have_in_the_spreadsheet(tmp_path: Path) -> None:
    text = 'phone,name\n\n+393331234567,"two\nlines"\n,,\n+393337654321,Ada\n'
    assert read(written(tmp_path, text.encode())) == [
        (3, ["+393331234567", "two\nlines"]),
        (5, ["+393337654321", "Ada"]),
    ]


def test_a_title_above_the_header_is_passed_over(tmp_path: Path) -> None:
    text = "Customers 2026;;\n;;\nNumber;Name;City\n+393331234567;Ada;Roma\n"
    layout, _rows = inspect(written(tmp_path, text.encode()), LIMIT)
    assert (layout.header_row, layout.headers) == (3, ("Number", "Name", "City"))


def test_a_first_row_with_a_bad_number_is_not_taken_for_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, b"phone,name\nnonsense,Ada\n+393337654321,Bea\n")
    assert inspect(path, LIMIT)[0].header_row == 1
    assert [row for _number, row in read(path)] == [["nonsense", "Ada"], ["+393337654321", "Bea"]]


def test_a_file_without_header_loses_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, b"+393331234567,Ada\n+393337654321,Bea\n")
    assert inspect(path, LIMIT)[0].header_row == 0
    assert [number for number, _row in read(path)] == [1, 2]


def test_one_column_of_numbers_is_enough(tmp_path: Path) -> None:
    assert [row for _number, row in read(written(tmp_path, b"3331234567\n3337654321"))] == [
        ["3331234567"],
        ["3337654321"],
    ]


def test_the_line_in_which_excel_tells_its_separator_is_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, b"sep=;\r\nphone;name\r\n+393331234567;Ada\r\n")
    layout, _rows = inspect(path, LIMIT)
    assert (layout.delimiter, layout.headers) == (";", ("phone", "name"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"  \r\n ", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "old Excel"),
        (b"\x00\x01\x02\x03binary\x00", "neither"),
        (b"PK\x03\x04 but no archive", "damaged"),
        (b",,,\n,,\n", "no rows"),
        (b"a,b\n" + b"x," * 600 + b"\n", "500 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        inspect(written(tmp_path, data), LIMIT)


def workbook(tmp_path: Path, rows: list[list[object]], **cells: object) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def test_excel_numbers_dates_and_formulas_are_read_as_people_see_them(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        [
            ["phone", "born", "seen", "share", "flag", "text"],
            [393331234567, date(1990, 5, 1), SEEN, 0.5, True, "_x0041_ =1"],
            [3.93337654321e11, None, None, 12.0, False, None],
        ],
    )
    assert read(path) == [
        (2, ["393331234567", "1990-05-01", "2026-11-21 09:30:00", "0.5", "TRUE", "A =1"]),
        (3, ["393337654321", "", "", "12", "FALSE"]),
    ]


def test_a_merged_title_is_no_header_and_a_note_sheet_no_table(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Read me"
    sheet = book.create_sheet("People")
    sheet.append(["Customers of the spring", None, None])
    sheet.merge_cells("A1:C1")
    sheet.append([])
    sheet.append(["Mobile", "Name", "City"])
    sheet.append(["+393331234567", "Ada", "Roma"])
    path = tmp_path / "book.xlsx"
    book.save(path)
    layout, _rows = inspect(path, LIMIT)
    assert (layout.sheet, layout.sheets) == ("People", ("Read me", "People"))
    assert (layout.header_row, layout.headers) == (3, ("Mobile", "Name", "City"))
    assert read(path) == [(4, ["+393331234567", "Ada", "Roma"])]


def test_a_formula_gives_the_value_it_had(tmp_path: Path) -> None:
    path = repacked(
        workbook(tmp_path, [["phone", "name"], ["+393331234567", "x"]]),
        {"xl/worksheets/sheet1.xml": SHEET_WITH_FORMULA},
    )
    assert read(path) == [(2, ["+393331234567", "Ada Lovelace", ""])]


SHEET_WITH_FORMULA = b"""<?xml version="1.0"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>phone</t></is></c>
<c r="B1" t="inlineStr"><is><t>name</t></is></c></row>
<row r="2"><c r="A2" t="str"><f>"+39"&amp;C2</f><v>+393331234567</v></c>
<c r="B2" t="str"><f>D2&amp;E2</f><v>Ada Lovelace</v></c><c r="C2" t="e"><v>#REF!</v></c></row>
</sheetData></worksheet>"""


def repacked(path: Path, parts: dict[str, bytes]) -> Path:
    """The workbook with some of its parts replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *parts}:
            new.writestr(name, parts.get(name) or old.read(name))
    path.write_bytes(changed.getvalue())
    return path


def test_a_file_that_swells_is_refused_while_it_is_read(tmp_path: Path) -> None:
    row = b'<row><c t="inlineStr"><is><t>' + b"x" * 1000 + b"</t></is></c></row>"
    head, tail = SHEET_WITH_FORMULA.split(b"</sheetData>")
    path = repacked(
        workbook(tmp_path, [["phone"]]),
        {"xl/worksheets/sheet1.xml": head + row * 80_000 + b"</sheetData>" + tail},
    )
    assert path.stat().st_size < LIMIT / 50
    layout = inspect(path, LIMIT)[0]
    with pytest.raises(ImportRefused, match="larger inside"):
        read(path, layout)


def test_a_document_type_in_a_workbook_is_refused(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + SHEET_WITH_FORMULA.partition(b"?>")[2]
    path = repacked(workbook(tmp_path, [["phone"]]), {"xl/worksheets/sheet1.xml": bomb})
    with pytest.raises(ImportRefused, match="no spreadsheet program"):
        inspect(path, LIMIT)


def test_a_cell_far_to_the_right_does_not_blow_up_the_memory(tmp_path: Path) -> None:
    wide = SHEET_WITH_FORMULA.replace(b'r="C2"', b'r="ZZZZZZ2"')
    path = repacked(workbook(tmp_path, [["phone"]]), {"xl/worksheets/sheet1.xml": wide})
    with pytest.raises(ImportRefused):
        read(path)


def test_a_damaged_workbook_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = repacked(
        workbook(tmp_path, [["phone"]]), {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row"}
    )
    with pytest.raises(ImportRefused, match="damaged"):
        inspect(path, LIMIT)


def test_rows_are_the_same_whatever_the_size_of_a_batch(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS.format(d=",").encode() * 5)
    layout = inspect(path, LIMIT)[0]
    for size in (1, 3, 100):
        found = [row for batch in batches(path, layout, LIMIT, size) for row in batch.rows]
        assert len(found) == 14


def test_an_encoding_that_does_not_fit_is_told_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, codecs.BOM_UTF8 + b"phone,name\n+393331234567,Zo\xff\n")
    layout = Layout("csv", encoding="utf-8-sig", delimiter=",")
    with pytest.raises(ImportRefused, match="encoding"):
        list(tables.batches(path, layout, LIMIT, 10))
