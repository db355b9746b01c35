"""What the price table says is exact, whatever the sizes, prices and rates are (R3)."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.shop.offers import (
    CURRENCIES,
    PackageForSale,
    messages,
    not_cheaper,
    offers,
    price_per_message_minor,
    saving_permille,
)

MOST = 2**53 - 1
amounts = st.one_of(st.integers(1, 200), st.integers(1, MOST))


def package(credits: int, usd: int, eur: int | None = None, number: int = 1) -> PackageForSale:
    price_minor = {"USD": usd, "EUR": usd if eur is None else eur}
    return PackageForSale(number, number, credits, 24, price_minor)


packages = st.lists(st.tuples(amounts, amounts, amounts), max_size=6).map(
    lambda rows: [package(*row, number=number) for number, row in enumerate(rows)]
)


def credit_price(each: PackageForSale, currency: str) -> Fraction:
    return Fraction(each.price_minor[currency], each.credits)


def test_a_package_sends_its_size_divided_by_the_rate_and_no_part_of_a_message_more():
    assert messages(1000, 2) == 500
    assert messages(999, 2) == 499
    assert messages(3, 7) == 0
    with pytest.raises(ValueError, match="at least one"):
        messages(1000, 0)


def test_the_price_of_a_message_is_rounded_half_up_to_a_hundredth_of_a_minor_unit():
    assert price_per_message_minor(4500, 500) == Decimal("9.00")
    assert price_per_message_minor(100, 3) == Decimal("33.33")
    assert price_per_message_minor(1, 200) == Decimal("0.01"), "half a hundredth goes up"
    assert price_per_message_minor(1, 201) == Decimal("0.00")
    assert price_per_message_minor(4500, 0) is None


def test_the_price_of_a_message_always_shows_two_places():
    assert str(price_per_message_minor(4500, 500)) == "9.00"
    assert str(price_per_message_minor(900000, 100)) == "9000.00"


@given(price=amounts, count=amounts)
def test_the_price_of_a_message_agrees_with_decimals_own_rounding(price, count):
    with localcontext(prec=60):
        expected = (Decimal(price) / Decimal(count)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert price_per_message_minor(price, count) == expected


@given(st.data())
def test_a_saving_is_never_overstated_and_never_a_whole_tenth_of_a_percent_too_small(data):
    one = package(data.draw(amounts), data.draw(amounts))
    other = package(data.draw(amounts), data.draw(amounts))
    said = Fraction(saving_permille(one, other, "USD"), 1000)
    true = 1 - credit_price(one, "USD") / credit_price(other, "USD")
    assert said <= max(Fraction(0), true) < said + Fraction(1, 1000)


@given(packages, st.sampled_from(CURRENCIES), st.integers(1, 30))
def test_the_table_has_every_package_once_smallest_first_with_its_own_figures(rows, currency, rate):
    table = offers(rows, currency, rate)
    assert sorted(offer.package.package_id for offer in table) == [each.package_id for each in rows]
    assert [offer.package.credits for offer in table] == sorted(each.credits for each in rows)
    for offer in table:
        assert offer.price_minor == offer.package.price_minor[currency]
        assert offer.messages * rate <= offer.package.credits < (offer.messages + 1) * rate
        assert (offer.price_per_message_minor is None) == (offer.messages == 0)
    assert not table or table[0].saving_permille == 0


def test_the_two_currencies_are_set_side_by_side_and_never_converted():
    [dollars] = offers([package(1000, 5000, 4500)], "USD", 2)
    [euros] = offers([package(1000, 5000, 4500)], "EUR", 2)
    assert (dollars.price_minor, euros.price_minor) == (5000, 4500)
    assert (dollars.price_per_message_minor, euros.price_per_message_minor) == (Decimal(10), Decimal(9))


def test_a_larger_package_that_is_dearer_per_credit_is_named_with_the_smaller_one():
    small, large = package(1000, 4500, number=1), package(5000, 22600, 20000, number=2)
    [warning] = not_cheaper([large, small])
    assert (warning.larger, warning.smaller, warning.currency, warning.dearer) == (large, small, "USD", True)


def test_a_larger_package_at_the_same_price_per_credit_breaks_the_rule_too():
    warnings = not_cheaper([package(1000, 4500, number=1), package(2000, 9000, number=2)])
    assert [(each.currency, each.dearer) for each in warnings] == [("USD", False), ("EUR", False)]


@given(packages)
def test_a_warning_is_given_exactly_where_a_larger_package_is_not_cheaper_per_credit(rows):
    expected = {
        (large.package_id, currency)
        for currency in CURRENCIES
        for large in rows
        for small in rows
        if small.credits < large.credits and credit_price(small, currency) <= credit_price(large, currency)
    }
    assert {(each.larger.package_id, each.currency) for each in not_cheaper(rows)} == expected
    assert len(not_cheaper(rows)) == len(expected)
