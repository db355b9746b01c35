"""A transfer names its order, and a mistyped reference names none."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webapp.shop.references import creditor_reference, order_of

orders = st.integers(1, 10**12)


def test_the_check_digits_are_those_of_iso_11649():
    """The standard's published example RF18 5390 0754 7034 is read by the same rule."""
    assert order_of("RF18 5390 0754 7034") == 539007547034
    assert creditor_reference(539007547034) == "RF18 5390 0754 7034"


@given(orders)
def test_a_reference_leads_back_to_its_order_however_it_is_spaced(order_id):
    reference = creditor_reference(order_id)
    assert order_of(reference) == order_id
    assert order_of(reference.replace(" ", "").lower()) == order_id
    assert len(reference.replace(" ", "")) <= 25, "longer is not a creditor reference"


@given(orders, st.data())
def test_one_wrong_digit_or_two_swapped_are_noticed(order_id, data):
    plain = creditor_reference(order_id).replace(" ", "")
    place = data.draw(st.integers(2, len(plain) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    assume(plain[place] != digit)
    assert order_of(plain[:place] + digit + plain[place + 1 :]) is None
    if place + 1 < len(plain) and plain[place] != plain[place + 1]:
        swapped = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
        assert order_of(swapped) is None


@pytest.mark.parametrize(
    "text", ["", "RF", "RF18", "hello", "RF1８53900754703", "RF" + "9" * 40, "SC18 0000 0001"]
)
def test_what_is_no_reference_names_no_order(text):
    assert order_of(text) is None


def test_orders_are_numbered_from_one():
    with pytest.raises(ValueError, match="from 1"):
        creditor_reference(0)
