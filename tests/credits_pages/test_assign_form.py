"""Numbers as people type them; never guessed, never an error page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.credits.forms import credits_typed, wanted_of
from webapp.credits.quantities import MOST_CREDITS


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", None),
        ("   ", None),
        ("0", 0),
        ("500", 500),
        (" 1284 ", 1284),
        ("1,284", 1284),
        ("1.284", 1284),
        ("1 284 000", 1284000),
        ("1\u202f284", 1284),
        ("1'284", 1284),
        (str(MOST_CREDITS), MOST_CREDITS),
    ],
)
def test_whole_numbers_are_read_with_the_separators_people_use(text, number):
    assert credits_typed(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "+5",
        "1.5",
        "1,5",
        "12,34",
        "1e3",
        "0x10",
        "five",
        "1,2345",
        ",500",
        "1,,000",
        "1234,567",
        "٣",
        "²",
        "½",
        "∞",
        "NaN",
        "5 credits",
        str(MOST_CREDITS + 1),
        "9" * 400,
    ],
)
def test_what_is_no_whole_number_of_credits_is_refused_with_a_sentence(app, text):
    with app.test_request_context(), pytest.raises(ValueError, match=r"[a-z ]{20,}"):
        credits_typed(text)


@given(st.integers(0, MOST_CREDITS))
def test_a_number_written_with_groups_is_the_number(number):
    for separator in (",", ".", " ", "'"):
        assert credits_typed(f"{number:,}".replace(",", separator)) == number


@given(
    st.dictionaries(
        st.one_of(st.text(max_size=8), st.from_regex("(list|was)-[0-9]{1,20}")), st.text(max_size=8)
    )
)
def test_any_form_at_all_is_read(values):
    wanted = wanted_of(values)
    assert all(amount is None or 0 <= amount <= MOST_CREDITS for amount in wanted.access.values())
    assert set(wanted.errors) | set(wanted.access) == set(wanted.typed)


def test_only_fields_that_differ_from_what_was_shown_are_changes():
    wanted = wanted_of({"list-1": "5", "was-1": "5", "list-2": "", "was-2": "7", "list-3": "0", "was-3": ""})
    assert wanted.changes == {2: None, 3: 0}
