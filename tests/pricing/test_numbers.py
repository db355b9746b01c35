"""Phone numbers: the fast way comes to what the whole parser comes to."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.pricing.numbers import (
    COUNTRIES,
    NO_COUNTRY,
    BadNumber,
    Phone,
    country_index,
    country_of,
    international,
    parse_phone,
    parsed,
)

TYPES = range(11)
EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in TYPES
    if (number := phonenumbers.example_number_for_type(region, kind))
]


@pytest.mark.parametrize(
    ("raw", "country", "e164", "found"),
    [
        ("+39 347 123 4567", None, "+393471234567", "IT"),
        ("347 1234567", "IT", "+393471234567", "IT"),
        ("0039-347-1234567", "IT", "+393471234567", "IT"),
        ("+44 7911 123456", None, "+447911123456", "GG"),
        ("07400 123456", "GB", "+447400123456", "GB"),
        ("+383 44 123 456", None, "+38344123456", "XK"),
        ("+1 (416) 555-0123", None, "+14165550123", "CA"),
        ("+7 701 123 45 67", None, "+77011234567", "KZ"),
        ("+39 06 12345678", None, "+390612345678", "IT"),
        ("tel 0151 23456789", "DE", "+4915123456789", "DE"),
    ],
)
def test_a_number_is_read_with_its_country(raw, country, e164, found):
    assert parse_phone(raw, country) == Phone(e164, found)


@pytest.mark.parametrize(
    "raw",
    ["", "hello", "12", "+39", "+999123456789", "+39 1", "+390000000000000000", "+4420", "+391234 ext 5"],
)
def test_what_is_no_number_is_refused_with_a_sentence(raw):
    with pytest.raises(BadNumber) as refusal:
        parse_phone(raw, "IT")
    assert refusal.value.reason.endswith(".")


def test_a_number_without_prefix_needs_a_country():
    with pytest.raises(BadNumber, match="calling code"):
        parse_phone("3471234567")


def test_a_number_of_no_country_has_none():
    assert country_of("+80012345678") is None
    assert country_of("nonsense") is None


def by_parser(e164: str) -> Phone | None:
    try:
        return parsed(e164, None)
    except BadNumber:
        return None


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(EXAMPLES), st.lists(st.tuples(st.integers(0, 14), st.integers(0, 9)), max_size=4))
def test_the_fast_way_agrees_with_the_parser(example, changes):
    digits = list(example)
    for place, digit in changes:
        if 2 < place < len(digits):
            digits[place] = str(digit)
    changed = "".join(digits)
    fast = international(changed)
    assert fast is None or fast == by_parser(changed)


def test_every_example_of_the_library_is_read():
    wrong = [example for example in EXAMPLES if country_of(example) is None]
    assert wrong == []


def test_most_examples_take_the_fast_way():
    assert sum(international(example) is not None for example in EXAMPLES) > 0.9 * len(EXAMPLES)


def test_a_country_keeps_its_index_for_ever():
    assert (country_index("AA"), country_index("IT"), country_index("ZZ"), country_index("XK")) == (
        0,
        227,
        675,
        608,
    )
    assert (country_index(None), country_index("it"), country_index("ITA"), country_index("I1")) == (
        NO_COUNTRY,
    ) * 4
    assert all(COUNTRIES[country_index(country)] == country for country in COUNTRIES)
