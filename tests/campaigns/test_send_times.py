"""A wall time becomes an instant, or a sentence says why it cannot."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.campaigns.send_times import FORMAT, BadSendTime, exists, read_send_time, to_local

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
ZONES = ("Europe/Rome", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Pacific/Apia")


@pytest.fixture(autouse=True)
def in_a_request(app):
    with app.test_request_context():
        yield


def test_nothing_typed_means_now():
    assert read_send_time("  ", ROME, NOW) is None


def test_a_time_is_that_of_the_platform():
    assert read_send_time("2026-12-10T09:00", ROME, NOW).at == datetime(2026, 12, 10, 8, 0, tzinfo=UTC)
    assert read_send_time("2026-12-10 09:00", ZoneInfo("Asia/Kolkata"), NOW).at.hour == 3


def test_a_time_that_the_clocks_jump_over_is_refused_with_the_next_one():
    with pytest.raises(BadSendTime, match=r"02:30 does not exist.*Europe/Rome.*Choose 03:00 or later"):
        read_send_time("2027-03-28T02:30", ROME, NOW)
    assert read_send_time("2027-03-28T03:00", ROME, NOW).at == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_first_one_and_says_so():
    time = read_send_time("2027-10-31T02:30", ROME, NOW)
    assert time.at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert "comes twice" in time.note
    assert "UTC+2" in time.note


@pytest.mark.parametrize("minutes", [2, 60, 60 * 24 * 400])
def test_a_time_that_has_passed_is_refused(minutes):
    with pytest.raises(BadSendTime, match="has passed"):
        read_send_time((NOW - timedelta(minutes=minutes)).strftime(FORMAT), ZoneInfo("UTC"), NOW)


def test_the_minute_that_is_running_is_not_the_past():
    assert read_send_time("2026-11-22T09:00", ZoneInfo("UTC"), NOW.replace(second=59))


@pytest.mark.parametrize("text", ["2029-01-01T00:00", "9999-12-31T23:59"])
def test_a_time_too_far_ahead_is_refused(text):
    with pytest.raises(BadSendTime):
        read_send_time(text, ROME, NOW)


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-13-01T00:00", "2026-02-30T00:00", "2026-12-10", "\x00", "٢"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(BadSendTime, match="no date and time"):
        read_send_time(text, ROME, NOW)


# Bounds for Hypothesis, which takes them without a zone.
NOON, MIDNIGHT, LATEST = (
    datetime.fromisoformat(day) for day in ("2026-11-23T12:00", "2026-11-24", "2028-11-20")
)


@given(
    zone=st.sampled_from(ZONES),
    at=st.datetimes(NOON, LATEST, timezones=st.just(UTC)),
)
def test_every_instant_can_be_typed_and_comes_back(zone, at):
    at = at.replace(second=0, microsecond=0)
    time = read_send_time(to_local(at, ZoneInfo(zone)), ZoneInfo(zone), NOW)
    again = at.astimezone(ZoneInfo(zone))
    assert time.at == at or (again.fold and time.note)


@given(zone=st.sampled_from(ZONES), wall=st.datetimes(MIDNIGHT, LATEST))
def test_every_wall_time_is_an_instant_or_is_refused(zone, wall):
    wall = wall.replace(second=0, microsecond=0)
    try:
        time = read_send_time(wall.strftime(FORMAT), ZoneInfo(zone), NOW)
    except BadSendTime:
        assert not exists(wall.replace(tzinfo=ZoneInfo(zone)))
    else:
        assert time.at.astimezone(ZoneInfo(zone)).strftime(FORMAT) == wall.strftime(FORMAT)
