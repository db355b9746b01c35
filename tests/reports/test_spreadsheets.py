"""What is written is read back with the programs' own readers: openpyxl for XLSX, csv for CSV."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from openpyxl import load_workbook

from webapp.web import spreadsheets
from webapp.web.spreadsheets import Column, Sheet, clean_text, csv_lines, file_name, safe_text, write_xlsx

ROME = ZoneInfo("Europe/Rome")
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
DANGEROUS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "|calc",
    "%0",
    "\uff1d1",
    " =1+1",
    "=cmd|' /C calc'!A0",
]
ERRORS_TO_EXCEL = ["#N/A", "#REF!", "#DIV/0!", "TRUE", "1e5", "2026-01-01", "007", "+393331234567"]


def workbook(*sheets):
    file = io.BytesIO()
    write_xlsx(file, sheets)
    file.seek(0)
    return load_workbook(file)


def column_of(values, kind="text", zone=UTC):
    book = workbook(Sheet("T", [Column("Title", kind)], [(value,) for value in values], zone))
    return [row[0] for row in book.active.iter_rows(min_row=2)]


def csv_rows(sheet):
    text = "".join(csv_lines(sheet))
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


@pytest.mark.parametrize("text", DANGEROUS + ERRORS_TO_EXCEL)
def test_text_stays_text_in_a_workbook(text):
    (cell,) = column_of([text])
    assert cell.data_type == "s"
    assert cell.value == clean_text(text)


def test_a_title_that_begins_like_a_formula_is_text():
    book = workbook(Sheet("T", [Column("=1+1")], []))
    assert (book.active["A1"].data_type, book.active["A1"].value) == ("s", "=1+1")


@given(st.lists(ANY_TEXT, min_size=1, max_size=8))
@settings(deadline=None, max_examples=150)
def test_any_text_at_all_is_written_and_read_back_but_for_its_control_characters(texts):
    cells = column_of(texts)
    for text, cell in zip(texts, cells, strict=False):
        expected = spreadsheets.EXCEL_ESCAPE.sub("_x005F_", clean_text(text))
        assert (cell.value or "") == expected
        assert cell.data_type in {"s", "n", "inlineStr"} and (cell.data_type == "s" or cell.value is None)


def test_a_text_that_looks_like_excels_own_escape_is_kept_as_written():
    (cell,) = column_of(["_x0041_ and _X_"])
    assert cell.value == "_x005F_x0041_ and _X_"


def test_a_text_longer_than_a_cell_is_cut_without_halving_a_character():
    (cell,) = column_of(["😀" * 20_000])
    assert len(cell.value.encode("utf-16-le")) // 2 <= 32_767
    assert set(cell.value) == {"😀"}


@given(st.integers(-(2**53) + 1, 2**53 - 1))
@settings(deadline=None, max_examples=60)
def test_a_number_of_credits_is_kept_to_the_last_digit(number):
    (cell,) = column_of([number], "number")
    assert (cell.data_type, cell.value, cell.number_format) == ("n", number, "#,##0")


@given(st.floats(-1e15, 1e15, allow_subnormal=False))
@settings(deadline=None, max_examples=60)
def test_a_fraction_is_a_number(number):
    (cell,) = column_of([number], "decimal")
    assert cell.data_type == "n"
    assert cell.value == pytest.approx(number, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_no_cell_can_hold_as_a_number_is_text(value):
    (cell,) = column_of([value], "number")
    assert cell.data_type == "s"


def test_a_decimal_keeps_its_cents_and_a_truth_value_is_counted():
    (price, flag) = column_of([Decimal("12.34"), True], "decimal")
    assert (price.value, price.number_format, flag.value) == (12.34, "#,##0.00", 1)


@given(st.dates(date(1900, 3, 1), date(9999, 12, 31)))
@settings(deadline=None, max_examples=60)
def test_a_day_is_a_day(day):
    (cell,) = column_of([day], "day")
    assert (cell.is_date, cell.value.date(), cell.number_format) == (True, day, "yyyy-mm-dd")


def test_a_day_before_excels_calendar_is_text():
    (cell,) = column_of([date(1815, 12, 10)], "day")
    assert (cell.data_type, cell.value) == ("s", "1815-12-10")


@given(st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
@settings(deadline=None, max_examples=60)
def test_an_instant_shows_the_wall_clock_of_the_platform(instant):
    (cell,) = column_of([instant], "instant", ROME)
    expected = instant.astimezone(ROME).replace(tzinfo=None, microsecond=0)
    assert cell.is_date
    assert abs(cell.value - expected) <= timedelta(milliseconds=1)


def test_the_day_of_an_instant_is_the_platforms_not_greenwichs():
    (cell,) = column_of([datetime(2026, 6, 30, 22, 30, tzinfo=UTC)], "instant", ROME)
    assert cell.value == datetime(2026, 7, 1, 0, 30)  # noqa: DTZ001


def test_an_instant_without_a_zone_is_refused_in_both_forms():
    sheet = Sheet("T", [Column("At", "instant")], [(datetime(2026, 1, 1),)])  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a time zone"):
        workbook(sheet)
    with pytest.raises(ValueError, match="without a time zone"):
        list(csv_lines(sheet))


def test_the_header_is_bold_frozen_and_filterable_and_columns_have_widths():
    columns = [
        Column("Name", width=40),
        Column("Credits", "number"),
        Column("A title that is rather long", "day"),
    ]
    sheet = workbook(Sheet("Lists", columns, [("Shop", 12, date(2026, 1, 1))])).active
    assert (sheet.title, sheet.freeze_panes, sheet.auto_filter.ref) == ("Lists", "A2", "A1:C2")
    assert all(cell.font.bold for cell in sheet[1])
    assert [sheet.column_dimensions[name].width for name in "ABC"] == [40, 14, 29]


def test_a_long_table_goes_on_in_further_sheets_with_the_header_again(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 4)
    file = io.BytesIO()
    written = write_xlsx(file, [Sheet("Messages", [Column("n", "number")], ((n,) for n in range(7)))])
    book = load_workbook(file)
    assert written == 7
    assert book.sheetnames == ["Messages", "Messages (2)", "Messages (3)"]
    assert [[row[0].value for row in sheet] for sheet in book] == [["n", 0, 1, 2], ["n", 3, 4, 5], ["n", 6]]


def test_a_table_that_fills_its_sheet_exactly_opens_no_further_one(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 4)
    assert workbook(Sheet("T", [Column("n", "number")], [(1,), (2,), (3,)])).sheetnames == ["T"]


def test_an_empty_table_still_has_its_header():
    assert [cell.value for cell in workbook(Sheet("T", [Column("a"), Column("b")], [])).active[1]] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("title", ["a/b\\c[d]*?:e", "", "x" * 50, "'quoted'", "\x00", "Läden 😀"])
def test_any_title_makes_a_sheet_excel_accepts(title):
    (name,) = workbook(Sheet(title, [Column("a")], [])).sheetnames
    assert 1 <= len(name) <= 31
    assert not set(name) & set("[]:*?/\\")


@given(st.lists(st.lists(ANY_TEXT, min_size=2, max_size=2), max_size=6))
@settings(deadline=None, max_examples=60)
def test_every_part_of_a_workbook_is_well_formed_xml(rows):
    file = io.BytesIO()
    write_xlsx(file, [Sheet("T", [Column("a"), Column("b")], rows)])
    with zipfile.ZipFile(file) as parts:
        for name in parts.namelist():
            etree.fromstring(parts.read(name))
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def test_rows_are_streamed_not_gathered():
    taken = []
    lines = csv_lines(Sheet("T", [Column("n", "number")], (taken.append(n) or (n,) for n in range(1000))))
    next(lines), next(lines)
    assert len(taken) <= 3


def test_a_row_of_the_wrong_length_is_a_defect_and_said_so():
    with pytest.raises(ValueError, match="shorter"):
        workbook(Sheet("T", [Column("a"), Column("b")], [("one",)]))


@given(st.lists(st.tuples(ANY_TEXT, st.integers(0, 2**53 - 1)), max_size=8))
@settings(deadline=None, max_examples=150)
def test_csv_is_read_back_and_no_cell_of_it_is_a_formula(rows):
    read = csv_rows(Sheet("T", [Column("Name"), Column("Credits", "number")], rows))
    assert len(read) == len(rows) + 1
    for (text, number), (cell, credits) in zip(rows, read[1:], strict=True):
        assert cell in {clean_text(text), "'" + clean_text(text)}
        assert not cell.lstrip(" \n").startswith(("=", "@")) and credits == str(number)


@pytest.mark.parametrize("text", DANGEROUS)
def test_csv_puts_an_apostrophe_before_what_a_spreadsheet_would_run(text):
    assert safe_text(text).startswith("'")


@pytest.mark.parametrize("text", ["+393331234567", "-12", "-1.50", "Ada", "a=b", "", "7 - 3"])
def test_csv_leaves_harmless_text_alone(text):
    assert safe_text(text) == text


def test_csv_writes_days_and_instants_that_sort():
    sheet = Sheet(
        "T",
        [Column("Day", "day"), Column("At", "instant"), Column("Nothing")],
        [(date(2026, 2, 3), datetime(2026, 7, 1, 10, 0, 5, 7, tzinfo=UTC), None)],
        ROME,
    )
    assert csv_rows(sheet)[1] == ["2026-02-03", "2026-07-01 12:00:05", ""]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("usage", "Spring sale / 20%"), "usage-spring-sale-20.xlsx"),
        (("../../etc/passwd",), "etc-passwd.xlsx"),
        (("日本",), "export.xlsx"),
        (('a"\r\nb',), "a-b.xlsx"),
        (("x" * 500,), "x" * 120 + ".xlsx"),
    ],
)
def test_a_file_name_is_safe_in_a_header_and_on_a_disk(words, name):
    assert file_name(*words, extension="xlsx") == name


def test_in_a_column_of_anything_each_cell_is_what_it_holds():
    values = ["=1", 1284, date(2026, 5, 1), datetime(2026, 5, 1, 12, tzinfo=UTC), Decimal("1.5")]
    text, number, day, instant, price = column_of(values, "any", ROME)
    assert (text.data_type, number.value, number.number_format) == ("s", 1284, "#,##0")
    assert (day.number_format, instant.number_format) == ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
    assert (instant.value, price.value) == (datetime(2026, 5, 1, 14), 1.5)  # noqa: DTZ001
