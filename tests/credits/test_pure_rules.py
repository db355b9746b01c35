"""The rules that need no database, by example and by property."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.credits.apportionment import apportion, take_expired
from webapp.credits.burn_order import in_burn_order
from webapp.credits.expiry import ROME, add_months, expires_at, expiry_day, last_usable_day, renewed
from webapp.credits.quantities import MOST_CREDITS, BadQuantity, credits_of, identifier_of, total_of
from webapp.credits.slicing import TooLittle, take

MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - the strategy adds the zone
DAYS = st.dates(date(2020, 1, 1), date(2090, 12, 31))
AMOUNTS = st.integers(0, MOST_CREDITS)
WEIGHTS = st.dictionaries(st.integers(1, 10**6), AMOUNTS, max_size=40)


@given(DAYS, st.integers(1, 240))
def test_months_later_is_the_same_day_of_the_month_or_the_last_one(day, months):
    there = add_months(day, months)
    assert (there.year * 12 + there.month) - (day.year * 12 + day.month) == months
    assert there.day == day.day or (there.day < day.day and (there + timedelta(days=1)).day == 1)


@given(DAYS)
def test_an_expiry_day_begins_at_midnight_in_italy_whatever_the_clocks_do(day):
    instant = expires_at(day)
    assert instant.tzinfo is UTC
    assert instant.astimezone(ROME).replace(tzinfo=None) == datetime.combine(day, datetime.min.time())
    assert (instant - timedelta(microseconds=1)).astimezone(ROME).date() == last_usable_day(day)


@given(
    st.datetimes(MIDNIGHT.replace(2020), MIDNIGHT.replace(2090), timezones=st.just(UTC)),
    st.integers(1, 60),
)
def test_credits_are_usable_at_least_until_the_day_before_and_never_before_they_are_paid(paid_at, months):
    assert expires_at(expiry_day(paid_at, months)) > paid_at + timedelta(days=26)


@pytest.mark.parametrize("months", [0, -1, 1.0, True, "3", None, 1201])
def test_a_validity_is_a_number_of_whole_months(months):
    with pytest.raises(ValueError, match="validity"):
        expiry_day(datetime(2027, 1, 1, tzinfo=UTC), months)


def test_an_instant_without_a_zone_has_no_italian_day():
    with pytest.raises(ValueError, match="time zone"):
        expiry_day(datetime(2027, 1, 1), 3)  # noqa: DTZ001


@given(DAYS, DAYS)
def test_renewing_never_shortens_and_does_nothing_without_an_expiry(before, bought_until):
    assert renewed(before, bought_until) == max(before, bought_until)
    assert renewed(None, bought_until) is None


@given(WEIGHTS, st.data())
def test_shares_are_exact_within_one_of_the_quota_and_never_above_the_weight(weights, data):
    whole = sum(weights.values())
    total = data.draw(st.integers(0, whole))
    shares = apportion(total, weights)
    assert sum(shares.values()) == total
    for key, weight in weights.items():
        quota = Fraction(total * weight, whole) if whole else 0
        assert abs(shares[key] - quota) < 1
        assert 0 <= shares[key] <= weight


@given(WEIGHTS, st.data())
def test_shares_do_not_depend_on_the_order_and_ties_go_to_the_lower_id(weights, data):
    total = data.draw(st.integers(0, sum(weights.values())))
    shuffled = dict(data.draw(st.permutations(list(weights.items()))))
    shares = apportion(total, weights)
    assert apportion(total, shuffled) == shares
    for low, high in zip(sorted(weights), sorted(weights)[1:], strict=False):
        if weights[low] == weights[high]:
            assert shares[low] >= shares[high]


def test_the_largest_remainder_gets_what_is_left_over():
    assert apportion(50, {1: 50, 2: 30, 3: 10}) == {1: 28, 2: 17, 3: 5}
    assert apportion(1, {9: 1, 4: 1}) == {4: 1, 9: 0}
    assert apportion(0, {}) == {}


@pytest.mark.parametrize(("total", "weights"), [(2, {1: 1}), (-1, {1: 1}), (1, {1: 2, 2: -1}), (1, {})])
def test_what_cannot_be_shared_is_a_mistake(total, weights):
    with pytest.raises(ValueError, match="total"):
        apportion(total, weights)


@given(AMOUNTS, WEIGHTS, st.data())
def test_the_unassigned_bears_an_expiry_before_any_list(unassigned, assigned, data):
    credits = data.draw(st.integers(0, unassigned + sum(assigned.values())))
    off_unassigned, off_lists = take_expired(credits, unassigned, assigned)
    assert off_unassigned + sum(off_lists.values()) == credits
    assert off_unassigned == unassigned or not off_lists
    assert all(0 < part <= assigned[key] for key, part in off_lists.items())


LOTS = st.lists(st.tuples(st.integers(1, 99), st.none() | DAYS), unique_by=lambda lot: lot[0], max_size=12)


@given(LOTS, st.sampled_from(["latest_expiry_first", "earliest_expiry_first"]), st.randoms())
def test_burn_order_is_total_and_the_same_whatever_came_in_when(lots, policy, random):
    shuffled = list(lots)
    random.shuffle(shuffled)
    ordered = in_burn_order(shuffled, policy, lambda lot: lot[1], lambda lot: lot[0])
    assert ordered == in_burn_order(lots, policy, lambda lot: lot[1], lambda lot: lot[0])
    days = [lot[1] or date.max for lot in ordered]
    assert days == sorted(days, reverse=policy == "latest_expiry_first")


def test_an_unknown_burn_order_is_no_order():
    with pytest.raises(ValueError, match="burn order"):
        in_burn_order([(1, None)], "newest", lambda lot: lot[1], lambda lot: lot[0])


@given(st.lists(st.integers(0, 1000), max_size=10), st.integers(0, 3000))
def test_taking_empties_one_place_after_the_other_or_says_what_is_missing(amounts, credits):
    places = list(enumerate(amounts))
    if credits > sum(amounts):
        with pytest.raises(TooLittle) as caught:
            take(credits, places)
        assert caught.value.missing == credits - sum(amounts)
        return
    taken = take(credits, places)
    assert sum(taken.values()) == credits
    touched = [place for place, there in places if there and place in taken]
    assert all(taken[place] == amounts[place] for place in touched[:-1])


@given(st.integers(1, 500), st.integers(1, 500), st.lists(st.integers(1, 400), min_size=5, max_size=9))
def test_taking_twice_takes_what_taking_once_would(first, second, amounts):
    places = dict(enumerate([*amounts, 1000]))
    once = take(first + second, places.items())
    one = take(first, places.items())
    two = take(second, [(place, there - one.get(place, 0)) for place, there in places.items()])
    assert {place: one.get(place, 0) + two.get(place, 0) for place in {*one, *two}} == once


@pytest.mark.parametrize("bad", [0, -5, 1.0, True, "1", None, float("nan"), 2**53, b"1", [1]])
def test_a_quantity_is_a_whole_number_from_1_to_2_to_the_53_minus_1(bad):
    with pytest.raises(BadQuantity):
        credits_of(bad)


def test_zero_is_a_quantity_only_where_it_may_be_assigned():
    assert credits_of(0, zero_allowed=True) == 0
    assert credits_of(MOST_CREDITS) == total_of([MOST_CREDITS, 0]) == MOST_CREDITS
    with pytest.raises(BadQuantity):
        total_of([MOST_CREDITS, 1])


@pytest.mark.parametrize("bad", [0, -1, True, "7", None, 2**63])
def test_an_identifier_is_one_the_database_could_have_given(bad):
    with pytest.raises(BadQuantity):
        identifier_of(bad, "list")
