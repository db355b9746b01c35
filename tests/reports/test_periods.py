"""A period is told by its URL; whatever is typed there is a period or a sentence, never an error page."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.reports import periods
from webapp.reports.periods import BadPeriod

TODAY = date(2026, 11, 21)
DAYS = st.dates(date(2001, 1, 1), date(2190, 1, 1))


def read(today=TODAY, **values):
    return periods.read({name.rstrip("_"): value for name, value in values.items()}, today)


def test_nothing_asked_is_the_last_thirty_days_with_today():
    period = read()
    assert (period.from_on, period.to_on, period.days) == (date(2026, 10, 23), TODAY, 30)


@pytest.mark.parametrize("days", [1, 7, 30, 90, 365])
def test_the_last_n_days_end_today(days):
    period = read(days=str(days))
    assert (period.to_on, period.days, period.query) == (TODAY, days, {"days": str(days)})


@pytest.mark.parametrize(
    ("month", "first", "last"),
    [
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_month_is_all_of_its_days(month, first, last):
    period = read(month=month)
    assert (period.from_on, period.to_on) == (first, last)


def test_from_and_to_are_both_included():
    period = read(from_="2026-11-01", to="2026-11-01")
    assert period.days == 1


def test_only_a_first_day_goes_on_until_today():
    assert read(from_="2026-11-19").days == 3


def test_only_a_last_day_takes_the_thirty_days_before_it():
    assert read(to="2026-03-31").from_on == date(2026, 3, 2)


def test_a_range_wins_over_a_month_and_a_month_over_days():
    assert read(from_="2026-01-01", to="2026-01-02", month="2026-05", days="7").days == 2
    assert read(month="2026-05", days="7").days == 31


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"from_": "2026-11-20", "to": "2026-11-19"}, "from"),
        ({"from_": "1999-12-31", "to": "2026-11-19"}, "from"),
        ({"from_": "2001-01-01", "to": "2026-11-19"}, "from"),
        ({"from_": "2026-02-30"}, "from"),
        ({"to": "31.12.2026"}, "to"),
        ({"to": "20261231"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "2026-W01-1"}, "to"),
        ({"month": "2026-13"}, "month"),
        ({"month": "november"}, "month"),
        ({"days": "0"}, "days"),
        ({"days": "-7"}, "days"),
        ({"days": "٣"}, "days"),
        ({"days": "99999999999999"}, "days"),
        ({"days": "7.5"}, "days"),
        ({"days": "' OR 1=1"}, "days"),
    ],
)
def test_what_is_no_period_is_refused_and_names_the_field_to_mend(values, field):
    with pytest.raises(BadPeriod) as refusal:
        read(**values)
    assert refusal.value.field == field


@given(st.dictionaries(st.sampled_from(["from", "to", "month", "days"]), st.text(max_size=12)))
def test_any_text_at_all_is_a_period_or_a_refusal(values):
    try:
        period = periods.read(values, TODAY)
    except BadPeriod:
        return
    assert 1 <= period.days <= periods.LONGEST_DAYS


@given(DAYS, st.integers(1, periods.LONGEST_DAYS))
def test_the_url_of_a_period_reads_as_the_same_period(day, days):
    period = periods.between(day, day + timedelta(days=days - 1))
    assert periods.read(period.query, TODAY) == period


@given(DAYS, st.integers(1, periods.LONGEST_DAYS))
def test_the_steps_of_a_period_are_all_of_its_days_once_and_few_enough_to_draw(day, days):
    period = periods.between(day, day + timedelta(days=days - 1))
    steps = period.steps()
    covered = [first + timedelta(days=n) for first, last in steps for n in range((last - first).days + 1)]
    assert covered == [period.from_on + timedelta(days=n) for n in range(period.days)]
    assert len(steps) <= 93


@given(DAYS)
def test_weeks_begin_on_monday_and_months_on_the_first(day):
    for days in (200, 800):
        period = periods.between(day, day + timedelta(days=days))
        for first, _last in period.steps()[1:]:
            assert first.weekday() == 0 if period.step == "week" else first.day == 1


@given(DAYS)
def test_the_period_before_the_next_is_the_period(day):
    for period in (periods.month_of(day), periods.between(day, day + timedelta(days=12))):
        assert period.after().before() == period
        assert period.before().to_on == period.from_on - timedelta(days=1)


def test_the_months_offered_are_the_latest_ones():
    months = periods.months_until(date(2026, 1, 31), 3)
    assert months == [date(2026, 1, 1), date(2025, 12, 1), date(2025, 11, 1)]
