"""A balance over months: pure rules."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from webapp.home.months import MONTHS_AHEAD, Expiry, ahead, expiries, first_of

DAYS = st.dates(date(2026, 1, 1), date(2029, 12, 31))
LOTS = st.lists(st.tuples(st.none() | DAYS, st.integers(0, 1000)), max_size=8)


def test_the_first_of_a_month_knows_the_ends_of_years() -> None:
    assert first_of(date(2026, 11, 22), 0) == date(2026, 11, 1)
    assert first_of(date(2026, 11, 22), 2) == date(2027, 1, 1)
    assert first_of(date(2026, 1, 31), -1) == date(2025, 12, 1)


def test_lots_of_one_day_expire_together_and_those_without_a_day_stay() -> None:
    lots = [
        (date(2027, 3, 4), 10),
        (None, 20),
        (date(2026, 12, 1), 5),
        (date(2027, 3, 4), 7),
        (date(2028, 1, 1), 0),
    ]
    assert expiries(lots, 42) == [Expiry(date(2026, 12, 1), 5, 37), Expiry(date(2027, 3, 4), 17, 20)]


@given(LOTS)
def test_what_stays_at_the_end_never_expires(lots: list[tuple[date | None, int]]) -> None:
    available = sum(credits for _on, credits in lots)
    found = expiries(lots, available)
    forever = sum(credits for on, credits in lots if on is None)
    assert (found[-1].left_after if found else available) == forever
    assert [one.on for one in found] == sorted({on for on, credits in lots if on and credits})


@given(LOTS)
def test_the_months_ahead_only_fall_and_end_where_the_last_expiry_leaves(
    lots: list[tuple[date | None, int]],
) -> None:
    available = sum(credits for _on, credits in lots)
    points = ahead(expiries(lots, available), available, date(2026, 1, 1))
    amounts = [amount for _month, amount in points]
    assert amounts == sorted(amounts, reverse=True)
    assert len(points) <= MONTHS_AHEAD + 1
    assert all(month.day == 1 for month, _amount in points)


def test_an_expiry_on_the_first_of_a_month_is_gone_in_that_month() -> None:
    found = expiries([(date(2026, 3, 1), 10)], 10)
    assert ahead(found, 10, date(2026, 1, 15)) == [
        (date(2026, 2, 1), 10),
        (date(2026, 3, 1), 0),
        (date(2026, 4, 1), 0),
    ]
