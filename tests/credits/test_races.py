"""Many processes at once on one ledger, some of them killed."""
# ruff: noqa: B023 - what is made in a turn is called in it

import random
import time
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.credits.ledgers import (
    ADA,
    CAMPAIGN,
    NOW,
    ORDER,
    VERBS,
    assign,
    capture,
    charge,
    day,
    every_verb,
    grant,
    hold,
    lots_left,
    make_list,
    purchase,
    release,
    slices,
    totals,
)
from tests.credits.processes import connected, killed, outcome, race
from tests.personas import make_platform
from webapp.credits import engine, holding
from webapp.credits.engine import Charge, Demand
from webapp.credits.expiry import expires_at
from webapp.credits.verification import verify
from webapp.credits.wire import Wire
from webapp.db import db
from webapp.errors import Refused
from webapp.processes.postgres import libpq

CLIENTS = 16
MIXED = (
    "grant", "purchase", "access", "free", "hold", "reschedule", "capture", "release", "expire", "balance"
)  # fmt: skip
MIX_S = 60
KILLS = 20  # of each operation
SOAK_KILLS = 200
LAST_PLACE = 22  # no operation has more statements, its commit included
JUNE = day("2027-06-01")


@pytest.fixture
def url(committed):
    with connected(committed):
        yield committed


def committed_platform(credits=0, lists=0):
    platform = make_platform().id
    made = [make_list(platform) for _ in range(lists)]
    if credits:
        grant(platform, credits)
    db.session.commit()
    return (platform, made) if lists else platform


def test_sixteen_processes_drain_10007_credits_to_the_last_one_and_no_further(url):
    platform = committed_platform(10_007)

    def drain(number):
        chance, held, turn = random.Random(number), 0, 0
        most = 60
        while most:
            turn += 1
            credits = chance.randint(1, most)
            answer = outcome(lambda: hold(platform, credits, key=f"{number}-{turn}"))
            if answer == "InsufficientCredits":
                most = credits - 1
            else:
                held += answer.credits
        return held

    assert sum(race(url, drain, CLIENTS)) == 10_007
    assert totals(platform) == (0, 0, 10_007)
    assert verify() == ()


def test_two_campaigns_race_for_the_last_credit_and_one_gets_it(url):
    for attempt in range(5):
        platform = committed_platform(1)
        answers = race(url, lambda number: outcome(lambda: hold(platform, 1, key=f"{attempt}-{number}")), 2)
        assert sorted(type(answer).__name__ for answer in answers) == ["Held", "str"]
        assert "InsufficientCredits" in answers
    assert verify() == ()


def test_a_hundred_captures_race_for_the_last_40_of_a_hold(url):
    platform = committed_platform(100)
    held = hold(platform, 60)
    capture(held.hold_id, [charge(credits=20)])

    def charge_some(number):
        numbers = range(number * 10, number * 10 + 10)
        return [
            outcome(lambda n=n: capture(held.hold_id, [charge(credits=1, message_id=10**6 + n)], key=f"c{n}"))
            for n in numbers
        ]

    answers = [answer for some in race(url, charge_some, 10) for answer in some]
    assert sum(1 for answer in answers if not isinstance(answer, str)) == 40
    assert {answer for answer in answers if isinstance(answer, str)} == {"HoldAlreadyResolved"}
    assert totals(platform) == (40, 0, 0)
    assert verify() == ()


def test_a_key_raced_by_fifty_first_attempts_acts_once(url):
    platform = committed_platform(1000)
    answers = race(url, lambda _: hold(platform, 7, key="the one"), 50)
    assert len({(answer.transaction_id, answer.hold_id) for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert totals(platform) == (993, 0, 7)
    assert verify() == ()


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_raced_by_first_attempts_acts_once_whatever_the_verb(url, verb):
    platform = committed_platform(1000)
    act = every_verb(platform, make_list(platform))[verb]
    db.session.commit()
    answers = race(url, lambda _: act("the one"), 8)
    assert len({answer.transaction_id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert verify() == ()


def cut_at(monkeypatch, nth, cut):
    """Calls `cut` with the wire before the nth statement that is sent from now on; the list counts them."""
    send, sent = Wire.send, []

    def counted(wire, sql, values):
        sent.append(sql)
        if len(sent) == nth:
            cut(wire)
        return send(wire, sql, values)

    monkeypatch.setattr(Wire, "send", counted)
    return sent


def fail_to_serialize(_wire):
    raise psycopg.errors.SerializationFailure("could not serialize access")


@pytest.mark.parametrize(
    ("how", "verb"),
    [("lost", "hold"), ("lost", "capture"), ("lost", "reschedule"), *(("not serialized", v) for v in VERBS)],
)
def test_a_database_that_fails_anywhere_is_never_told_as_too_few_credits(url, monkeypatch, verb, how):
    def lose(wire):
        with psycopg.connect(libpq(url), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [wire.driver.info.backend_pid])

    platform = committed_platform(1000)
    act = every_verb(platform, make_list(platform))[verb]
    db.session.commit()
    before, nth = totals(platform), 0
    while True:
        nth += 1
        with monkeypatch.context() as patched:
            sent = cut_at(patched, nth, lose if how == "lost" else fail_to_serialize)
            try:
                answer = act("the one")
            except (DBAPIError, Refused) as failure:
                answer = failure
        if len(sent) < nth:
            break
        assert isinstance(answer, DBAPIError) and answer.connection_invalidated == (how == "lost"), answer
        db.session.remove()
        assert totals(platform) == before
    assert nth > 4 and not answer.replayed
    assert verify() == ()


def test_a_key_raced_by_different_requests_acts_for_one_of_them(url):
    platform = committed_platform(1000)
    answers = race(url, lambda number: outcome(lambda: hold(platform, 1 + number, key="the one")), 12)
    assert sorted(map(str, answers)).count("IdempotencyConflict") == 11
    assert verify() == ()


def test_a_key_raced_by_operations_that_wait_for_different_locks_acts_for_one_of_them(url):
    for attempt in range(5):
        platform = committed_platform(1000)
        first, second = hold(platform, 10), hold(platform, 10)
        verbs = [
            lambda key: capture(first.hold_id, [charge()], key=key),
            lambda key: capture(second.hold_id, [charge()], key=key),
            lambda key: release(second.hold_id, {None: 1}, key=key),
            lambda key: hold(platform, 5, key=key),
        ]
        answers = race(url, lambda number: outcome(lambda: verbs[number](f"one {attempt}")), len(verbs))
        assert sorted(map(str, answers)).count("IdempotencyConflict") == 3
    assert verify() == ()


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        (lambda platform, shop: assign(platform, {shop: 10}), "InsufficientCredits"),
        (lambda platform, shop: hold(platform, 60), "InsufficientCredits"),
        (lambda platform, shop: hold(platform, 25), {1: 15, 2: 35}),
        (lambda platform, shop: grant(platform, 5), {1: 40, 3: 5, 2: 5}),
    ],
)
def test_a_hold_whose_plan_was_overtaken_is_planned_again(url, monkeypatch, meanwhile, told):
    """It is planned without the lock of the pool: two lots, of which the first is used up first."""
    platform, [shop] = committed_platform(lists=1)
    lots = [grant(platform, 40).lot_id, grant(platform, 60, JUNE).lot_id]
    planned, opened = [], holding.open_platform

    def overtaken(*args, lock, **given):
        answer = opened(*args, lock=lock, **given)
        planned.append(lock)
        if planned == [False]:
            race(url, lambda _: meanwhile(platform, shop), 1)
        return answer

    monkeypatch.setattr(holding, "open_platform", overtaken)
    answer = outcome(lambda: hold(platform, {shop: 50}))
    assert planned == [False, True]
    if not isinstance(answer, str):
        new = max(lots_left(platform))
        named = {1: lots[0], 2: lots[1], 3: new}
        answer = {lot: size for lot, (size, _, _) in slices(answer.hold_id).items()}
        told = {named[lot]: size for lot, size in told.items()}
    assert answer == told
    assert verify() == ()


def test_a_message_raced_by_many_batches_is_charged_once(url):
    platform = committed_platform(1000)
    held = hold(platform, 500)
    batch = [charge(credits=1, message_id=n) for n in range(1, 51)]
    charged = race(
        url, lambda number: capture(held.hold_id, batch[number % 5 :], key=f"b{number}").credits, 10
    )
    assert sum(charged) == 50
    assert totals(platform) == (500, 0, 450)
    assert verify() == ()


def test_expiring_in_parallel_and_late_ends_as_expiring_once_in_time(url):
    ended = []
    for late, clients in ((timedelta(), 1), (timedelta(days=3), 8)):
        platform, lists = committed_platform(lists=5)
        grant(platform, 101, JUNE)
        grant(platform, 77, day("2027-06-02"))
        grant(platform, 50)
        assign(platform, {list_id: 31 + 3 * place for place, list_id in enumerate(lists)})
        if clients == 1:
            engine.expire_due(now=expires_at(JUNE))
        now = expires_at(day("2027-06-02")) + late
        race(url, lambda _, now=now: len(engine.expire_due(now=now)), clients)
        told = engine.balance(platform, now=now)
        ended.append((told.unassigned, [one.assigned for one in told.lists]))
    assert ended[0] == ended[1]
    assert verify() == ()


def mixed(number, platforms, until, chance):
    """Operations of every kind until time is up, on holds of any client; counts outcomes by operation."""
    counted, message, turn = {}, number * 10**8, 0
    began = time.monotonic()
    while time.monotonic() < until:
        turn += 1
        platform, lists = chance.choice(platforms)
        now = NOW + timedelta(days=4 * (time.monotonic() - began))
        given = {"actor": ADA, "now": now, "key": f"{number}-{turn}"}
        message += 3
        demands = [Demand(chance.choice([*lists, None]), chance.randint(1, 30)) for _ in range(2)]
        batch = [
            Charge(message + n, demands[0].list_id, "IT", 1, chance.randint(1, 4), "w", "1") for n in range(3)
        ]
        verbs = {
            "grant": lambda: engine.grant(
                platform,
                40,
                # Far enough: a client that has waited is behind the others' clock, four days a second.
                expires_on=(now + timedelta(days=chance.randint(60, 120))).date(),
                reason="x",
                **given,
            ),
            "purchase": lambda: engine.purchase(platform, 60, validity_months=2, subject=ORDER, **given),
            "access": lambda: engine.set_access(
                platform, {chance.choice(lists): chance.choice([None, 0, 30])}, **given
            ),
            "free": lambda: engine.free(platform, None, **given),
            "hold": lambda: engine.place_hold(
                platform, demands, send_at=now + timedelta(days=1), subject=CAMPAIGN, label="x", **given
            ),
            "reschedule": lambda: engine.reschedule(
                any_hold(platform), demands, send_at=now + timedelta(days=2), **given
            ),
            "capture": lambda: engine.capture(any_hold(platform), batch, now=now, key=given["key"]),
            "release": lambda: engine.release(any_hold(platform), None, reason="x", **given),
            "expire": lambda: engine.expire_due(now=now, platform_id=platform),
            "balance": lambda: engine.balance(platform, now=now),
        }
        name = chance.choice([*verbs, "hold", "hold", "capture", "capture", "capture"])
        try:
            verbs[name]()
            result = "done"
        except Refused as refusal:
            result = type(refusal).__name__
        except DBAPIError as error:
            db.session.remove()
            lost = error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError)
            result = (
                "lost"
                if lost and not isinstance(error.orig, psycopg.errors.DeadlockDetected)
                else repr(error)
            )
        counted[name, result] = counted.get((name, result), 0) + 1
    return counted


def any_hold(platform):
    """An open hold of the platform, whoever placed it; 1 while there is none."""
    statement = text("SELECT id FROM hold WHERE platform_id = :p AND open ORDER BY random() LIMIT 1")
    found = db.session.execute(statement, {"p": platform}).scalar()
    db.session.commit()
    return found or 1


def terminate_some(until, every_s):
    """Ends the backend of one client or another, whatever it is doing."""
    chance = random.Random(1)
    one = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
    own = db.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    while time.monotonic() < until:
        time.sleep(every_s * chance.random() * 2)
        statement = (
            f"SELECT pg_terminate_backend(pid) FROM ({one} AND pid <> {own} ORDER BY random() LIMIT 1) AS one"
        )
        db.session.execute(text(statement))
        db.session.commit()
    return {}


def mix(url, seconds, terminate_every_s):
    """All operations on three platforms by sixteen clients, while their backends are terminated at random."""
    platforms = [committed_platform(500, lists=3) for _ in range(3)]

    def client(number):
        until = time.monotonic() + seconds
        if number == CLIENTS:
            return terminate_some(until, terminate_every_s)
        return mixed(number, platforms, until, random.Random(number))

    told = race(url, client, CLIENTS + 1)
    counted = {}
    for one in told:
        for name, times in one.items():
            counted[name] = counted.get(name, 0) + times
    known = {
        "done",
        "lost",
        "InsufficientCredits",
        "CreditsExpireBefore",
        "HoldAlreadyResolved",
        "HoldExceeded",
        "NotFound",
    }
    assert {result for _name, result in counted} <= known, counted
    assert {name for name, result in counted if result == "done"} == set(MIXED), counted
    assert any(result == "lost" for _name, result in counted), "nobody's backend was ended at work"
    assert verify() == ()
    with psycopg.connect(libpq(url)) as connection:
        statistic = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(statistic).fetchone() == (0,)
    return counted


def test_a_mix_of_all_operations_with_dying_backends_ends_with_sound_books(url):
    mix(url, MIX_S, 0.3)


# Killed


class Scene:
    """A platform to which everything can happen once; two of them made alike end alike."""

    def __init__(self):
        self.platform, (self.shop, self.vip) = committed_platform(lists=2)
        self.lot = grant(self.platform, 500)
        grant(self.platform, 40, JUNE)
        assign(self.platform, {self.vip: 100})
        self.held = hold(self.platform, {self.shop: 50, self.vip: 50}, send_at=NOW)
        self.message = self.held.hold_id * 1000

    def act(self, verb, key):
        given = {"actor": ADA, "now": NOW, "key": key}
        late = {**given, "now": expires_at(JUNE)}  # something is due, and is expired first
        batch = [
            charge(self.shop, 2, message_id=self.message),
            charge(self.vip, 3, message_id=self.message + 1),
        ]
        demands = [Demand(self.vip, 45), Demand(None, 5)]
        verbs = {
            "grant": lambda: engine.grant(self.platform, 5, expires_on=None, reason="x", **late),
            "purchase": lambda: engine.purchase(self.platform, 7, validity_months=24, subject=ORDER, **given),
            "assign": lambda: engine.set_access(self.platform, {self.shop: 9, self.vip: None}, **late),
            "hold": lambda: engine.place_hold(
                self.platform, demands, send_at=NOW, subject=CAMPAIGN, label="x", **given
            ),
            "capture": lambda: engine.capture(self.held.hold_id, batch, now=NOW, key=key),
            "release": lambda: engine.release(self.held.hold_id, None, reason="x", **late),
            "reschedule": lambda: engine.reschedule(self.held.hold_id, demands, send_at=NOW, **given),
            "adjust": lambda: engine.adjust(self.platform, self.lot.lot_id, 5, reason="x", **given),
            "expire": lambda: engine.expire_due(now=expires_at(JUNE), platform_id=self.platform),
        }
        return verbs[verb]()

    def told(self):
        balance = engine.balance(self.platform, now=NOW)
        return (
            (balance.unassigned, balance.assigned, balance.held),
            [(one.access, one.assigned, one.held) for one in balance.lists],
            [(lot.kind, lot.credits_left, lot.held, lot.expires_on) for lot in balance.lots],
            [one.credits for one in balance.holds],
        )


KILLED = ["grant", "purchase", "assign", "hold", "capture", "release", "reschedule", "adjust", "expire"]


def kill_inside(url, verb, at):
    """Whole or not at all, and right after a retry with the same key."""
    spared, victim = Scene(), Scene()
    before = victim.told()
    db.session.remove()
    spared.act(verb, "the key")
    after = spared.told()
    was = killed(url, lambda: victim.act(verb, "the key"), statement=at)
    assert victim.told() in (before, after)
    victim.act(verb, "the key")
    assert victim.told() == after
    written = text("SELECT count(*) FROM ledger_transaction WHERE platform_id = :p AND key = 'the key'")
    assert db.session.execute(written, {"p": victim.platform}).scalar_one() == (verb != "expire")
    return was


def kill_often(url, verb, times):
    """Anywhere from its first statement to right after its commit; past that nothing is killed."""
    chance, last, done = random.Random(verb), LAST_PLACE, 0
    while done < times:
        at = chance.randint(1, last)
        if kill_inside(url, verb, at):
            done += 1
        else:
            last = at - 1
    assert verify() == ()


@pytest.mark.parametrize("verb", KILLED)
def test_an_operation_killed_anywhere_inside_happened_wholly_or_not_at_all(url, verb):
    kill_often(url, verb, KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("verb", KILLED)
def test_an_operation_killed_two_hundred_times_happened_wholly_or_not_at_all(url, verb):
    kill_often(url, verb, SOAK_KILLS)


def test_what_a_release_and_a_purchase_did_is_still_told_by_another_process(url):
    platform = committed_platform(10)
    held = hold(platform, 5)
    purchase(platform, 5)
    release(held.hold_id)
    assert race(url, lambda _: totals(platform), 2) == [(15, 0, 0)] * 2
