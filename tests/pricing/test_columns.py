"""Columns: figures of values, packed and put together."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_plugins import national_tables
from tests.pricing.strategies import default_profile, values
from webapp.pricing import characters
from webapp.pricing.columns import Column, usual_tables
from webapp.pricing.profiles import tables_of
from webapp.pricing.text import normalise

many = st.lists(values, max_size=12)


def figures(column: Column, name: str) -> list[int]:
    found = getattr(column, name)
    return [0] * len(column) if found is None else found.tolist()


@settings(max_examples=300, deadline=None)
@given(many)
def test_values_come_out_normalised_but_for_a_last_cr(given_values):
    column = Column.measure(given_values)
    assert [normalise(value) for value in column] == [normalise(value) for value in given_values]
    assert list(column) == [column[index] for index in range(len(column))]
    assert [value.endswith("\r") for value in column] == [value.endswith("\r") for value in given_values]


@settings(max_examples=300, deadline=None)
@given(many)
def test_figures_are_those_of_the_texts(given_values):
    column, tables = Column.measure(given_values), usual_tables()
    gsm, ucs2 = default_profile().gsm[0], default_profile().ucs2
    for index, value in enumerate(column):
        units = gsm.units(value)
        assert bool(figures(column, "flags")[index] & characters.FOREIGN) == (units is None)
        if units is not None:
            assert figures(column, "lengths")[index] + figures(column, "wide")[index] == units
        assert figures(column, "lengths")[index] + figures(column, "astral")[index] == ucs2.units(value)
    assert column.digest == tables.digest


@settings(max_examples=200, deadline=None)
@given(many, many)
def test_packing_and_putting_together_change_nothing(first, second):
    columns = [Column.measure(first), Column.measure(second)]
    joined = Column.concatenate([Column.unpack(column.pack()) for column in columns])
    alone = Column.measure(first + second)
    assert list(joined) == list(alone)
    for name in ("lengths", "wide", "astral", "flags", "byte_lengths"):
        assert figures(joined, name) == figures(alone, name)


@settings(max_examples=200, deadline=None)
@given(many)
def test_another_alphabet_is_measured_from_what_is_kept(given_values):
    tables = tables_of(national_tables.pair("turkish", "spanish"))
    kept, anew = Column.measure(given_values).measured_for(tables), Column.measure(given_values, tables)
    assert kept.digest == anew.digest
    for name in ("lengths", "wide", "astral", "flags"):
        assert figures(kept, name) == figures(anew, name)


def test_an_empty_column_is_a_column():
    empty = Column.measure([])
    assert list(Column.unpack(empty.pack())) == []
    assert list(Column.concatenate([empty, Column.measure(["a"]), empty])) == ["a"]


def test_none_and_numbers_are_values():
    assert list(Column.measure([None, 5, 1.5, "x"])) == ["", "5", "1.5", "x"]


def test_a_long_column_is_measured_in_slices_alike():
    texts = ["Zoë", "", "€", "😀", "plain"] * 30_000
    column = Column.measure(texts)
    assert len(column) == 150_000
    assert column[149_998] == "😀"
    assert figures(column, "astral")[-10:] == [0, 0, 0, 1, 0] * 2


def test_very_long_values_are_counted():
    column = Column.measure(["x" * 70_000, "€" * 300, "a"])
    assert figures(column, "lengths") == [70_000, 300, 1]
    assert figures(column, "wide") == [0, 300, 0]


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-1], lambda packed: b"x" + packed[1:], lambda packed: b""]
)
def test_damaged_bytes_are_refused(damage):
    with pytest.raises(ValueError, match="packed column"):
        Column.unpack(damage(Column.measure(["Ada"]).pack()))


def test_every_character_that_composes_or_reorders_is_marked():
    """By Python's own tables, so that the two versions of Unicode cannot drift apart unseen."""
    table = characters.table()
    for point in range(0x110000):
        character = chr(point)
        if 0xD800 <= point < 0xE000:
            continue
        unstable = unicodedata.combining(character) or not unicodedata.is_normalized("NFC", character)
        decomposed = unicodedata.decomposition(character)
        if unstable:
            assert table[point] & characters.MARK, hex(point)
        if decomposed and not decomposed.startswith("<") and " " in decomposed:
            second = decomposed.split()[1]
            if unicodedata.is_normalized("NFC", character):
                assert table[int(second, 16)] & characters.MARK, hex(point)
