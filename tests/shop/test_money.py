"""Prices are read to the cent and written without losing one."""

from decimal import Decimal

import pytest
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from webapp.shop.money import parse_minor, parse_whole, plain, price_each, saving


@given(st.integers(0, 10**12))
def test_a_price_that_is_written_reads_back_the_same(minor):
    assert parse_minor(plain(minor)) == minor
    assert parse_minor(plain(minor).replace(".", ",")) == minor


def test_a_price_is_read_in_all_the_ways_people_type_it():
    assert [parse_minor(text) for text in (" 45 ", "45.5", "45,50", "0.01")] == [4500, 4550, 4550, 1]


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1,234.50", "45.", "€45", "1e3", "NaN", "٤٥", "9" * 14])
def test_what_could_be_read_two_ways_is_refused(text):
    with pytest.raises(ValueError, match="not a price"):
        parse_minor(text)


def test_the_price_of_a_message_shows_hundredths_of_a_cent_in_the_readers_language(app):
    with app.test_request_context():
        with force_locale("en"):
            assert price_each(Decimal("9.12"), "EUR") == "€0.0912"
            assert price_each(Decimal("900.00"), "USD") == "$9.0000"
        with force_locale("it"):
            assert price_each(Decimal("9.12"), "EUR") == "0,0912\xa0€"
        assert price_each(None, "EUR") == "–"


def test_savings_read_as_percent(app):
    with app.test_request_context(), force_locale("en"):
        assert [saving(125), saving(200), saving(1)] == ["12.5%", "20%", "0.1%"]


@given(st.integers(0, 10**15), st.sampled_from(["", ",", ".", " ", "'"]))
def test_a_whole_number_is_read_with_its_thousands_apart_or_not(number, mark):
    assert parse_whole(f"{number:,}".replace(",", mark)) == number


@pytest.mark.parametrize(
    "text", ["", "-5", "1.5", "1,00", "12,3456", "1e6", "٥", "1_000", "9" * 17, "1,,000"]
)
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match="not a whole number"):
        parse_whole(text)
