"""The database keeps the rules by itself, and `verify` and the seals notice when somebody made it not."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.credits.ledgers import (
    NOW,
    adjust,
    assign,
    capture,
    charge,
    day,
    grant,
    hold,
    make_list,
    purchase,
    release,
    totals,
)
from tests.personas import make_platform
from webapp.credits import engine, history, sealing
from webapp.credits.expiry import expires_at
from webapp.credits.verification import newest_seal, verify
from webapp.credits.verification_sql import CHECKS
from webapp.db import db

APPEND_ONLY = [
    "ledger_transaction",
    "ledger_entry",
    "lot_line",
    "lot_renewal",
    "access_change",
    "charge",
    "ledger_block",
]


@pytest.fixture
def platform(database):
    """A platform to which everything has happened."""
    platform_id = make_platform().id
    shop, vip = make_list(platform_id, "Shop"), make_list(platform_id, "VIP")
    hours = (NOW + timedelta(hours=number) for number in range(9))
    lot = grant(platform_id, 50, day("2027-06-01"), now=next(hours))
    purchase(platform_id, 100, now=next(hours))
    grant(platform_id, 5, day("2027-04-01"), now=next(hours))
    assign(platform_id, {vip: 40}, now=next(hours))
    held = hold(platform_id, {vip: 10, shop: 20, None: 1}, now=next(hours))
    capture(held.hold_id, [charge(vip, 2, segments=2), charge(shop, 3, country="DE")], now=next(hours))
    release(held.hold_id, {shop: 5}, now=next(hours))
    adjust(platform_id, lot.lot_id, 2, now=next(hours))
    engine.expire_due(now=expires_at(day("2027-04-01")))
    return platform_id


def run(statement, **values):
    return db.session.execute(text(statement), values)


def corrupt(statement):
    """What only somebody with the keys of the database can do: the triggers are put to sleep."""
    run("SET LOCAL session_replication_role = replica")
    assert run(statement).rowcount
    run("SET LOCAL session_replication_role = origin")


def found():
    return {(drift.check, drift.what.split(" ")[0]) for drift in verify()}


def test_a_sound_ledger_has_no_drift(platform):
    assert verify() == verify(platform) == ()


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {} = {}"])
def test_history_is_refused_to_be_updated_deleted_or_emptied(platform, table, change):
    sealing.seal(now=NOW)
    column = "id" if table in ("ledger_transaction", "ledger_block") else "platform_id"
    with pytest.raises(DBAPIError, match="the ledger only grows"):
        run(change.format(table, column, column))


@pytest.mark.parametrize("table", ["lot", "hold", "hold_demand", "hold_slice", "list_balance", "credit_pool"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_balances_cannot_be_deleted(platform, table, change):
    with pytest.raises(DBAPIError, match="the ledger only grows"):
        run(change.format(table))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lot SET credits = credits + 1",
        "UPDATE lot SET created_at = created_at + interval '1 day'",
        "UPDATE lot SET kind = 'grant' WHERE kind = 'purchase'",
        "UPDATE lot SET first_expires_on = first_expires_on - 1",
        "UPDATE lot SET expires_on = expires_on - 1",
        "UPDATE hold SET credits = credits + 1",
        "UPDATE hold SET send_at = send_at + interval '1 day'",
        "UPDATE hold SET captured = captured - 1",
    ],
)
def test_the_origin_of_lots_and_holds_never_changes_and_nothing_is_uncaptured_or_shortened(platform, change):
    with pytest.raises(DBAPIError, match="the ledger only grows"):
        run(change)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credit_pool SET unassigned = -1",
        "UPDATE credit_pool SET received = 0",
        "UPDATE list_balance SET assigned = -1",
        "UPDATE list_balance SET limited = false",
        "UPDATE lot SET credits_left = -1",
        "UPDATE lot SET credits_left = credits + 1",
        "UPDATE lot SET expires_at = NULL",
        "UPDATE hold SET released = credits",
        "UPDATE hold_demand SET captured = credits + 1",
        "UPDATE hold_slice SET released = credits + 1",
        "UPDATE usage_day SET messages = 0",
        "INSERT INTO charge SELECT (c).* FROM charge AS c",
    ],
)
def test_the_database_refuses_balances_that_cannot_be(platform, change):
    with pytest.raises(DBAPIError):
        run(change)


def test_charges_must_be_what_the_entries_of_their_transaction_say(platform):
    with pytest.raises(DBAPIError, match="charges differ"):
        run(
            "INSERT INTO charge (message_id, platform_id, transaction_id, country, segments,"
            " credits_per_segment, plugin, plugin_version)"
            " SELECT 10^9, platform_id, transaction_id, 'IT', 1, 1, 'x', '1' FROM charge LIMIT 1"
        )


def test_no_row_can_point_to_another_platform(platform):
    other = make_platform().id
    foreign = make_list(other)
    for statement in (
        f"INSERT INTO list_balance (platform_id, list_id, limited) VALUES ({platform}, {foreign}, true)",
        f"UPDATE hold_demand SET platform_id = {other}",
        f"UPDATE hold_slice SET platform_id = {other}",
        f"""INSERT INTO lot_line (platform_id, transaction_id, position, lot_id, source, target, credits)
            SELECT {other}, transaction_id, 99, lot_id, 'left', 'expired', 1 FROM lot_line LIMIT 1""",
    ):
        with pytest.raises(DBAPIError, match="foreign key"), db.session.begin_nested():
            run(statement)


CORRUPTIONS = {
    "credit_pool": (
        "UPDATE credit_pool SET unassigned = unassigned + 1 WHERE received > 0",
        ("pool", "credit_pool"),
    ),
    "credit_pool received": (
        "UPDATE credit_pool SET received = received + 1 WHERE received > 0",
        ("pool", "credit_pool"),
    ),
    "list_balance": ("UPDATE list_balance SET assigned = assigned + 1", ("lists", "list_balance")),
    "list_balance removed": ("DELETE FROM list_balance", ("lists", "list_balance")),
    "lot": ("UPDATE lot SET credits_left = credits_left - 1 WHERE credits_left > 9", ("lots", "lot")),
    "lot size": ("UPDATE lot SET credits = credits + 1 WHERE kind = 'purchase'", ("lot parts", "lot")),
    "lot date": ("UPDATE lot SET expires_on = expires_on + 1 WHERE kind = 'purchase'", ("lot dates", "lot")),
    "lot instant": ("UPDATE lot SET expires_at = expires_at + interval '1 hour'", ("lot dates", "lot")),
    "hold": ("UPDATE hold SET captured = captured + 1", ("hold sums", "hold")),
    "hold_demand": (
        "UPDATE hold_demand SET captured = captured + 1 WHERE credits = 20",
        ("holds", "hold_demand"),
    ),
    "hold_demand funding": ("UPDATE hold_demand SET funding = 'assigned'", ("funding", "hold_demand")),
    "hold_slice": ("UPDATE hold_slice SET released = released + 1", ("slices", "hold_slice")),
    "hold_slice removed": ("DELETE FROM hold_slice", ("hold sums", "hold")),
    "ledger_transaction": (
        "UPDATE ledger_transaction SET available_after = 7 WHERE kind = 'assign'",
        ("prefixes", "ledger_transaction"),
    ),
    "ledger_transaction moved": (
        "UPDATE ledger_transaction SET at = at - interval '9 days' WHERE kind = 'hold'",
        ("prefixes", "ledger_transaction"),
    ),
    "ledger_transaction removed": (
        "DELETE FROM ledger_transaction WHERE kind = 'expire'",
        ("orphans", "ledger_entry"),
    ),
    "ledger_entry": (
        "UPDATE ledger_entry SET credits = credits + 1 WHERE source = 'granted'",
        ("pool", "credit_pool"),
    ),
    "ledger_entry removed": ("DELETE FROM ledger_entry WHERE target = 'list'", ("lists", "list_balance")),
    "lot_line": (
        "UPDATE lot_line SET credits = credits + 1 WHERE target = 'adjusted'",
        ("lot lines", "lot_line"),
    ),
    "lot_renewal": (
        "UPDATE lot_renewal SET expires_on_before = expires_on_before - 1",
        ("renewals", "lot_renewal"),
    ),
    "lot_renewal removed": ("DELETE FROM lot_renewal", ("lot dates", "lot")),
    "access_change": ("UPDATE access_change SET limited = false", ("lists", "list_balance")),
    "charge": ("UPDATE charge SET segments = segments + 1 WHERE country = 'DE'", ("charges", "charge")),
    "charge country": ("UPDATE charge SET country = 'FR' WHERE country = 'DE'", ("usage", "usage_day")),
    "usage_day": ("UPDATE usage_day SET credits = credits + 1", ("usage", "usage_day")),
    "usage_day removed": ("DELETE FROM usage_day", ("usage", "usage_day")),
    "credit_pool removed": ("DELETE FROM credit_pool WHERE received > 0", ("pool", "credit_pool")),
    "lot life": (
        """UPDATE lot SET first_expires_on = first_expires_on + 1, expires_on = expires_on + 1,
           expires_at = expires_at + interval '1 day' WHERE kind = 'purchase'""",
        ("lot origins", "lot"),
    ),
    "lot kind": ("UPDATE lot SET kind = 'grant'", ("lot origins", "lot")),
    "lot made earlier": ("UPDATE lot SET created_at = created_at - interval '1 day'", ("lot origins", "lot")),
    "lot removed": ("DELETE FROM lot WHERE kind = 'purchase'", ("lots", "lot")),
    "lots and pool": (
        "UPDATE credit_pool SET assigned = assigned - 1 WHERE received > 0",
        ("two partitions", "platform"),
    ),
    "hold removed": ("DELETE FROM hold", ("hold sums", "hold")),
    "hold for another": ("UPDATE hold SET subject_id = subject_id + 1", ("hold origins", "hold")),
    "balance_checkpoint lots": (
        """UPDATE balance_checkpoint SET state = jsonb_set(state, '{lots}', '{}')""",
        ("checkpoints", "balance_checkpoint"),
    ),
    "balance_checkpoint held": (
        """UPDATE balance_checkpoint SET state = jsonb_set(state, '{held_lots}', '{}')
           WHERE state -> 'held_lots' <> '{}'""",
        ("checkpoints", "balance_checkpoint"),
    ),
    "balance_checkpoint, not the newest": (
        """UPDATE balance_checkpoint SET state = jsonb_set(state, '{unassigned}', '7')
           WHERE at = (SELECT min(at) FROM balance_checkpoint)""",
        ("checkpoints", "balance_checkpoint"),
    ),
    "balance_checkpoint": (
        """UPDATE balance_checkpoint SET state = jsonb_set(state, '{unassigned}', '7')""",
        ("checkpoints", "balance_checkpoint"),
    ),
}


def test_every_check_of_verify_is_the_answer_to_some_corruption():
    assert {check for _statement, (check, _word) in CORRUPTIONS.values()} == set(CHECKS)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_verify_names_what_is_wrong_whichever_table_was_corrupted(platform, name):
    statement, named = CORRUPTIONS[name]
    history.write_checkpoints(platform, now=NOW + timedelta(days=99), every=3)
    assert verify() == ()
    corrupt(statement)
    assert named in found()


def test_verify_of_one_platform_does_not_speak_of_another(platform):
    other = make_platform().id
    grant(other, 5)
    corrupt(f"UPDATE credit_pool SET unassigned = 4 WHERE platform_id = {other}")
    assert verify(platform) == ()
    assert {drift.platform_id for drift in verify(other)} == {other}


# Seals

TAMPERING = {
    "edited": "UPDATE ledger_transaction SET actor_name = 'Mallory' WHERE kind = 'adjust'",
    "reason edited": "UPDATE ledger_transaction SET reason = 'gift' WHERE kind = 'adjust'",
    "entry edited": "UPDATE ledger_entry SET credits = credits + 1 WHERE source = 'granted' AND credits = 50",
    "removed": "DELETE FROM lot_renewal",
    "added": """INSERT INTO access_change SELECT platform_id, transaction_id + 1, list_id, limited
        FROM access_change""",
    "reordered": "UPDATE lot_line SET position = 7 - position WHERE source = 'held' AND target = 'left'",
    "charge edited": "UPDATE charge SET plugin = 'cheap'",
    "key edited": "UPDATE ledger_transaction SET key = 'another' WHERE kind = 'hold'",
    "result edited": """UPDATE ledger_transaction SET result = '{"hold_id": 1}' WHERE kind = 'hold'""",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_the_seal_names_the_first_block_whose_history_was_touched(platform, name):
    while sealing.seal(now=NOW, most=3):
        pass
    assert verify() == ()
    corrupt(TAMPERING[name])
    [drift] = [drift for drift in verify() if drift.check == "seals"]
    assert "edited, removed or reordered" in drift.what


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM ledger_block WHERE id = 2", "ledger_block 3: the block before it was removed"),
        ("UPDATE ledger_block SET hash = sha256(hash) WHERE id = 2", "ledger_block 2: its transactions"),
        (
            "UPDATE ledger_block SET previous = sha256(hash) WHERE id = 3",
            "ledger_block 3: it does not follow",
        ),
        ("UPDATE ledger_block SET until_id = until_id - 1 WHERE id = 1", "ledger_block 1: its transactions"),
    ],
)
def test_the_chain_of_blocks_notices_a_block_removed_or_changed(platform, statement, named):
    while sealing.seal(now=NOW, most=3):
        pass
    corrupt(statement)
    [drift] = [drift for drift in verify() if drift.check == "seals"]
    assert drift.what.startswith(named)


def test_sealing_again_seals_only_what_is_new(platform):
    first = sealing.seal(now=NOW)
    assert sealing.seal(now=NOW) is None
    grant(platform, 5)
    second = sealing.seal(now=NOW)
    assert (first.id, second.id, second.transactions) == (1, 2, 1)
    assert newest_seal() == (2, second.hash.hex())
    assert verify() == ()


def test_a_transaction_that_shows_later_than_its_followers_is_sealed_when_it_does(platform):
    run("SELECT setval('ledger_transaction_id_seq', (SELECT max(id) + 1 FROM ledger_transaction))")
    late = run("SELECT max(id) + 1 FROM ledger_transaction").scalar_one()
    grant(platform, 5)
    sealing.seal(now=NOW)
    run(f"SELECT setval('ledger_transaction_id_seq', {late}, false)")
    grant(platform, 6, now=NOW + timedelta(days=50))
    assert sealing.seal(now=NOW).transactions == 1
    assert sealing.seal(now=NOW) is None
    assert verify() == ()


# Checkpoints


def test_checkpoints_change_no_answer(platform):
    now = NOW + timedelta(days=99)
    instants = [row[0] for row in run("SELECT at FROM ledger_transaction ORDER BY at, id")]
    instants += [instant - timedelta(microseconds=1) for instant in instants] + [
        instants[-1] + timedelta(days=9)
    ]
    before = [engine.balance(platform, now=now, at=instant) for instant in instants]
    assert history.write_checkpoints(platform, now=now, every=2) > 1
    assert [engine.balance(platform, now=now, at=instant) for instant in instants] == before


def test_something_recorded_with_an_earlier_instant_drops_the_checkpoints_after_it(platform):
    now = NOW + timedelta(days=999)
    soon = grant(platform, 8, day("2027-05-05"))
    grant(make_platform().id, 1, now=now)
    history.write_checkpoints(platform, now=now, every=1)
    later = (
        "SELECT platform_id, at + interval '300 days', state FROM balance_checkpoint ORDER BY at DESC LIMIT 1"
    )
    run(f"INSERT INTO balance_checkpoint {later}")
    engine.expire_due(now=now)
    assert verify() == ()
    assert soon.lot_id not in {
        lot.id for lot in engine.balance(platform, now=now, at=now - timedelta(days=600)).lots
    }
    assert totals(platform, now, at=NOW + timedelta(days=9)) != totals(platform, now)
