"""The figures of every level are sums of the same charges, and equal what the ledger says was spent."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.personas import make_platform
from tests.reports.scenes import charge, grant, hold, make_campaign, make_list, make_message
from webapp.credits import engine
from webapp.credits.models import LedgerEntry, LedgerTransaction
from webapp.db import db
from webapp.reports import messages, usage
from webapp.reports.usage import NOTHING, Scope

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = st.tuples(
    st.integers(0, 2),  # which list; 0 is none
    st.sampled_from(["IT", "DE", "US"]),
    st.integers(1, 3),  # segments
    st.integers(1, 5),  # credits per segment
)
BATCH = st.tuples(st.integers(0, 1), st.integers(0, 60), st.lists(ONE, min_size=1, max_size=6))


def played(batches):
    """A platform on which two campaigns sent these batches: (campaign, hours later, messages)."""
    platform = make_platform()
    grant(platform, 10_000, now=START)
    lists = [None, make_list(platform, "Shop"), make_list(platform, "VIP")]
    campaigns = [make_campaign(platform, "Spring"), make_campaign(platform, "Autumn")]
    now = START
    for which, hours, ones in batches:
        now += timedelta(hours=hours)
        sent = [
            make_message(
                platform, campaigns[which], lists[n].id if n else None, country=country, segments=s, rate=r
            )
            for n, country, s, r in ones
        ]
        placed = hold(platform, campaigns[which], [(m.list_id, m.credits) for m in sent], now=now)
        charge(placed.hold_id, sent, now=now)
    return platform, [found.id if found else 0 for found in lists], [campaign.id for campaign in campaigns]


def spent(platform_id, from_on, to_on):
    """What the entries of the ledger say, day by day as they were charged."""
    statement = (
        select(func.coalesce(func.sum(LedgerEntry.credits), 0))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerTransaction.platform_id == platform_id, LedgerEntry.target == "spent")
        .where(LedgerTransaction.on_day.between(from_on, to_on))
    )
    return int(db.session.scalar(statement))


@pytest.mark.usefixtures("database")
@given(st.lists(BATCH, min_size=1, max_size=5), st.integers(0, 4), st.integers(0, 9))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_level_adds_up_to_the_one_above_and_to_the_ledger(batches, skip_days, days):
    platform, list_keys, campaign_keys = played(batches)
    from_on = date(2026, 3, 1) + timedelta(days=skip_days)
    scope = Scope(platform.id, from_on, from_on + timedelta(days=days))
    top = usage.usage(scope)
    assert top.total.credits == spent(platform.id, scope.from_on, scope.to_on)
    assert (
        engine.usage(platform.id, from_on=scope.from_on, to_on=scope.to_on).total.credits == top.total.credits
    )
    for parts in (top.days.values(), top.countries.values(), [line.figures for line in top.lines]):
        assert sum(parts, NOTHING) == top.total
    for list_key in list_keys:
        of_list = usage.usage(Scope(platform.id, scope.from_on, scope.to_on, list_key))
        assert of_list.total == next((line.figures for line in top.lines if line.key == list_key), NOTHING)
        for key in campaign_keys:
            down = Scope(platform.id, scope.from_on, scope.to_on, list_key, key)
            figures = usage.usage(down).total
            assert figures == next((line.figures for line in of_list.lines if line.key == key), NOTHING)
            found = list(messages.all_of(down))
            assert (len(found), sum(m.credits for m in found)) == (figures.messages, figures.credits)
            assert messages.page_of(down).rows == sorted(found, key=lambda m: -m.id)


@pytest.mark.usefixtures("database")
def test_the_details_of_a_file_add_up_to_its_total():
    platform, _, _ = played(
        [(0, 0, [(0, "IT", 1, 2), (1, "IT", 2, 2)]), (1, 30, [(1, "DE", 1, 1), (2, "US", 3, 5)])]
    )
    scope = Scope(platform.id, date(2026, 3, 1), date(2026, 3, 31))
    found, details = usage.with_details(scope)
    assert found == usage.usage(scope)
    assert sum((usage.figures_of(row) for row in details), NOTHING) == found.total
