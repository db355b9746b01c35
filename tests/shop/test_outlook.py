"""What the buy page says of expiry days is what the purchase will do (R6)."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webapp.credits.expiry import renewed
from webapp.credits.terms import LotDates, PurchasePreview
from webapp.shop.outlook import outlook

UNTIL = date(2028, 11, 22)
days = st.dates(date(2026, 12, 1), date(2030, 1, 1))
lots = st.lists(st.tuples(st.integers(1, 10**6), st.none() | days), max_size=8)


def preview(rows):
    before = tuple(LotDates(number, "purchase", *row) for number, row in enumerate(rows))
    after = tuple(
        LotDates(lot.lot_id, lot.kind, lot.credits, renewed(lot.expires_on, UNTIL)) for lot in before
    )
    return PurchasePreview(UNTIL, UNTIL - timedelta(days=1), before, after, renewals=())


def test_a_first_purchase_speaks_only_of_its_own_credits():
    seen = outlook(preview([]), 10_000)
    assert (seen.until, seen.credits, len(seen.changes)) == (date(2028, 11, 21), 10_000, 1)
    assert seen.alike and seen.first_until_before is None


def test_all_credits_are_told_with_the_day_they_have_now():
    seen = outlook(preview([(2_000, date(2027, 3, 4)), (480, date(2027, 3, 4))]), 10_000)
    assert (seen.credits, seen.alike, seen.first_until_before) == (12_480, True, date(2027, 3, 3))
    assert [change.credits for change in seen.changes] == [2_480, 10_000], "lots of one day are one line"


def test_credits_without_expiry_and_those_that_last_longer_keep_what_they_have():
    seen = outlook(preview([(20, None), (50, date(2029, 1, 1)), (30, date(2027, 1, 1))]), 100)
    assert not seen.alike
    assert seen.credits_until == 130
    assert [(each.credits, each.moved) for each in seen.changes] == [
        (30, True),
        (50, False),
        (20, False),
        (100, True),
    ]


@given(lots, st.integers(1, 10**6))
def test_every_credit_is_in_one_line_and_none_loses_a_day(rows, bought):
    seen = outlook(preview(rows), bought)
    assert seen.credits == bought + sum(credits for credits, _ in rows)
    assert seen.alike == all(day is not None and day <= UNTIL for _, day in rows)
    for change in seen.changes[:-1]:
        assert change.until_after is None or change.until_before <= change.until_after
        assert (change.until_after is None) == (change.until_before is None)
    assert seen.changes[-1].bought and seen.changes[-1].until_after == seen.until


@given(lots, st.integers(1, 100))
def test_the_order_in_which_lots_are_listed_says_nothing(rows, bought):
    assert outlook(preview(rows), bought) == outlook(preview(rows[::-1]), bought)
