"""What a cell means: numbers as spreadsheets leave them, values, names of fields."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.audience import cells
from webapp.audience.cells import clean_value, field_name, field_names, read_number
from webapp.pricing.numbers import BadNumber

ADA = (393331234567, "IT")


@pytest.mark.parametrize(
    "written",
    [
        "+393331234567",
        " +39 333 123 4567 ",
        "00393331234567",
        "0039 333-123.4567",
        "3331234567",
        "(333) 123 4567",
        "393331234567",
        "393331234567.0",
        "393331234567,00",
        "3331234567.0",
        "3.93331234567E+11",
        "3,93331234567e11",
        "'+393331234567",
        "'3331234567",
        '="+393331234567"',
        '"+393331234567"',
        "tel:+39-333-1234567",
        "\u202a+39 333 1234567\u202c",
        "+39\u00a0333\u00a01234567",
        "\uff0b\uff13\uff19 333 1234567",
        "٣٣٣١٢٣٤٥٦٧",
    ],
)
def test_one_number_however_it_is_written(written: str) -> None:
    assert read_number(written, "IT") == ADA


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", cells.MISSING),
        ("   ", cells.MISSING),
        ("'", cells.MISSING),
        ("3.93E+11", cells.SHORTENED),
        ("3,9333123E+11", cells.SHORTENED),
        ("3.9333123456789E+11", cells.NOT_A_NUMBER),
        ("333 1234567 / 340 1234567", cells.SEVERAL),
        ("+393331234567;+393401234567", cells.SEVERAL),
        ("call 3331234567", cells.NOT_A_NUMBER),
        ("1-800-FLOWERS", cells.NOT_A_NUMBER),
        ("n/a", cells.NOT_A_NUMBER),
        ("2026-05-01", None),
        ("12", None),
        ("+39333123456789012", None),
    ],
)
def test_a_number_that_cannot_be_told_is_refused_with_a_reason(written: str, reason: str | None) -> None:
    with pytest.raises(BadNumber) as refused:
        read_number(written, "IT")
    assert refused.value.reason in cells.REASONS
    if reason:
        assert refused.value.reason == reason


def test_without_a_country_only_prefixed_or_complete_numbers_are_read() -> None:
    assert read_number("393331234567", None) == ADA
    with pytest.raises(BadNumber):
        read_number("3331234567890", None)
    with pytest.raises(BadNumber):
        read_number("0333123456", None)


def test_a_number_with_a_prefix_keeps_its_own_country() -> None:
    assert read_number("+49 1512 3456789", "IT") == (4915123456789, "DE")
    assert read_number("0044 7400 123456", "IT") == (447400123456, "GB")


@given(st.text(max_size=40), st.sampled_from([None, "IT", "US", "GB"]))
def test_any_text_is_a_number_or_refused_with_a_known_sentence(text: str, country: str | None) -> None:
    phone, found, reason = 0, "", ""
    try:
        phone, found = read_number(text, country)
    except BadNumber as refused:
        reason = refused.reason
    assert (reason in cells.REASONS) != bool(found)
    if found:
        assert 1 <= phone <= 999_999_999_999_999
        assert re.fullmatch("[A-Z]{2}", found)
        assert read_number(f"+{phone}", None) == (phone, found)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Ada ", "Ada"),
        ("Ada\r\nLove", "Ada\nLove"),
        ("a\tb", "a b"),
        ("nu\x00l", "nul"),
        ("esc\x1b[0m", "esc[0m"),
        ("'=SUM(A1)", "=SUM(A1)"),
        ("'+1", "+1"),
        ("'tis", "'tis"),
        ("O'Neil", "O'Neil"),
        ("\ud800", ""),
    ],
)
def test_values_are_kept_without_what_spreadsheets_add(written: str, kept: str) -> None:
    assert clean_value(written) == kept


@given(st.text())
def test_a_kept_value_can_be_stored_and_is_kept_as_it_is(text: str) -> None:
    kept = clean_value(text)
    assert "\x00" not in kept
    kept.encode("utf-8")
    if not kept.startswith("'"):
        assert clean_value(kept) == kept


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("First name", "first_name"),
        ("  E-Mail  ", "e_mail"),
        ("Prénom", "prénom"),
        ("2nd city", "nd_city"),
        ("{x|y}", "x_y"),
        ("___", ""),
        ("", ""),
        ("ΟΝΟΜΑ", "ονομα"),
    ],
)
def test_a_header_becomes_the_name_of_a_field(header: str, name: str) -> None:
    assert field_name(header) == name


@given(st.lists(st.text(max_size=8), max_size=12))
def test_no_two_columns_get_one_name_and_none_breaks_a_text(headers: list[str]) -> None:
    names = [name for name in field_names(headers) if name]
    assert len(set(names)) == len(names)
    assert not any(set(name) & set("{}|") for name in names)
    assert all(field_name(name) == name for name in names)
