"""How many statements and round trips each operation takes: pinned, so that a slower way is noticed."""

from collections.abc import Callable

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS

from tests.credits.ledgers import (
    ADA,
    NOW,
    adjust,
    assign,
    capture,
    charge,
    day,
    free,
    grant,
    hold,
    make_list,
    purchase,
    release,
    reschedule,
)
from tests.personas import make_platform
from webapp.credits import engine
from webapp.credits.expiry import expires_at
from webapp.credits.wire import Wire

# (statements, round trips), BEGIN and COMMIT not counted.
PINNED = {
    "grant": (8, 4),
    "purchase": (11, 6),
    "adjust": (6, 2),
    "assign": (9, 4),
    "free": (9, 3),
    "hold": (7, 2),
    "hold of many lists and lots": (7, 2),
    "capture": (5, 2),
    "capture of 100 messages": (5, 2),
    "release": (7, 3),
    "reschedule": (12, 5),
    "expire": (5, 3),
    "nothing to expire": (1, 1),
    "balance": (7, 1),
    "balance of the past": (9, 4),
    "funding": (3, 1),
    "usage": (1, 1),
    "replay": (5, 1),
}


@pytest.fixture
def asked(monkeypatch):
    """The sizes of the round trips so far."""
    trips, ask_all = [], Wire.ask_all

    def counted(wire, *statements):
        trips.append(len(statements))
        for sql, values in statements:  # what is longer psycopg parses anew at every call
            assert len(sql) <= MAX_CACHED_STATEMENT_LENGTH
            assert len(values) <= MAX_CACHED_STATEMENT_PARAMS
        return ask_all(wire, *statements)

    monkeypatch.setattr(Wire, "ask_all", counted)
    return trips


def acts(platform: int) -> dict[str, Callable[[], object]]:
    lists = [make_list(platform) for _ in range(20)]
    lots = [grant(platform, 1000, day("2027-06-01")) for _ in range(9)]
    grant(platform, 9, day("2027-04-01"))
    assign(platform, {lists[0]: 500, lists[1]: 500})
    held = hold(platform, {lists[0]: 200, lists[2]: 200})
    other = hold(platform, {lists[0]: 20, lists[2]: 20})
    grant(platform, 1, key="again")
    return {
        "grant": lambda: grant(platform, 5),
        "purchase": lambda: purchase(platform, 5),
        "adjust": lambda: adjust(platform, lots[0].lot_id, 5),
        "assign": lambda: assign(platform, {lists[0]: 5, lists[5]: 7}),
        "free": lambda: free(platform, [lists[1]]),
        "hold": lambda: hold(platform, {lists[0]: 5}),
        "hold of many lists and lots": lambda: hold(platform, dict.fromkeys(lists[3:], 200)),
        "capture": lambda: capture(held.hold_id, [charge(lists[0])]),
        "capture of 100 messages": lambda: capture(held.hold_id, [charge(lists[0]) for _ in range(100)]),
        "release": lambda: release(held.hold_id),
        "reschedule": lambda: reschedule(other.hold_id, {lists[0]: 7}),
        "expire": lambda: engine.expire_due(now=expires_at(day("2027-04-01")), platform_id=platform),
        "nothing to expire": lambda: engine.expire_due(now=NOW, platform_id=platform),
        "balance": lambda: engine.balance(platform, now=NOW),
        "balance of the past": lambda: engine.balance(platform, now=NOW, at=NOW.replace(year=2026)),
        "funding": lambda: engine.funding(platform, lists, now=NOW, send_at=NOW),
        "usage": lambda: engine.usage(platform, from_on=NOW.date(), to_on=NOW.date()),
        "replay": lambda: engine.grant(
            platform, 1, expires_on=None, reason="bonus", actor=ADA, now=NOW, key="again"
        ),
    }


@pytest.mark.parametrize("name", PINNED)
def test_an_operation_takes_as_many_statements_as_it_ever_did(database, asked, name):
    act = acts(make_platform().id)[name]
    asked.clear()
    act()
    assert (sum(asked), len(asked)) == PINNED[name]
