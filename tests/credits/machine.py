"""A platform on which anything is done in any order, each step on the engine and on the model."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from tests.credits.ledgers import ADA, everything, make_list
from tests.credits.model import ITALY, Model, Refusal, enough, later, midnight
from tests.personas import make_platform
from webapp.credits import engine, history, models, sealing
from webapp.credits.engine import Charge, Demand, Subject
from webapp.db import db
from webapp.errors import Refused

STARTS = [
    datetime(2027, 3, 26, 22, 30, tzinfo=UTC),  # the clocks go forward in Italy two days later
    datetime(2027, 10, 30, 21, 59, 59, tzinfo=UTC),  # and back the next night
    datetime(2028, 1, 31, 12, 0, tzinfo=UTC),  # a month later is 29 February
]
LEDGER = [one.__tablename__ for one in vars(models).values() if hasattr(one, "__tablename__")]
SMALL = st.integers(1, 60)
FIRST_LOTS = st.tuples(st.integers(30, 150), st.sampled_from([None, None, 20, 33, 400]))
numbers = count(1)


class Ledger(RuleBasedStateMachine):
    """Three lists of one platform, and a second platform that must never notice.

    Now and then an operation comes from a machine whose clock is behind. It counts from the last movement of
    the balances it changes, where that was later, so that nothing is done before what it builds upon.
    """

    def __init__(self):
        super().__init__()
        self.outer = db.engines[None].begin()
        self.engine_kept = db.engines[None]
        db.session.configure(join_transaction_mode="create_savepoint")
        db.engines[None] = self.connection = self.outer.__enter__()
        self.model = Model()
        self.behind = timedelta()
        self.moved, self.hold_moved = datetime.min.replace(tzinfo=UTC), {}
        self.past = []
        self.done = []
        self.messages = 0

    def teardown(self):
        db.session.remove()
        self.connection.rollback()
        db.engines[None] = self.engine_kept
        self.outer.__exit__(None, None, None)

    @initialize(start=st.sampled_from(STARTS), lots=st.lists(FIRST_LOTS, min_size=2, max_size=4))
    def begin(self, start, lots):
        self.now = start
        # What earlier runs took back has used up numbers, which the first block would list as missing.
        db.session.execute(text("SELECT setval('ledger_transaction_id_seq', 1, false)"))
        self.platform = make_platform(f"Machine {next(numbers)}").id
        self.other = make_platform(f"Bystander {next(numbers)}").id
        self.lists = [make_list(self.platform) for _ in range(3)]
        other_list = make_list(self.other)
        engine.grant(self.other, 9, expires_on=None, reason="x", actor=ADA, now=start, key="same key")
        engine.assign(self.other, {other_list: 4}, actor=ADA, now=start, key="another")
        self.bystander = engine.balance(self.other, now=start)
        db.session.commit()
        for credits, days in lots:
            self.grant_until(credits, days and self.today() + timedelta(days=days))

    # How a step is played

    def play(self, verb, *args, change, hold=None, **given):
        """One operation on both. `change` does it to a model, at the instant it counts from.

        A refusal must be the same on both, with the same numbers, and leave no trace.
        """
        given |= {"now": self.clock(), "key": f"key-{next(numbers)}"}
        at, trial = self.counted_from(verb, hold), self.model.copy()
        if verb is not engine.capture:
            trial.expire(at)
        try:
            expected = change(trial, at)
        except Refusal as refusal:
            before = everything(LEDGER)
            with pytest.raises(Refused) as caught:
                verb(*args, **given)
            assert type(caught.value).__name__ == refusal.name  # noqa: PT017
            assert numbers_of(caught.value, refusal.numbers) == refusal.numbers  # noqa: PT017
            assert everything(LEDGER) == before, "a refusal wrote something"
            self.behind = timedelta()
            return None
        result = verb(*args, **given)
        self.model = trial
        self.done.append((verb, args, given, result))
        self.remember(verb, hold, at, result)
        return result, expected

    def clock(self):
        return self.now - self.behind

    def counted_from(self, verb, hold):
        """Now, or when what it changes has last moved: the balances, a hold, or (releasing) both."""
        moved = [] if verb is engine.capture else [self.moved]
        return max(self.clock(), *moved, *([self.hold_moved[hold]] if hold else []))

    def remember(self, verb, hold, at, result):
        if verb is not engine.capture:
            self.moved = at
        elif result.credits:
            self.hold_moved[hold] = at
        if self.behind:  # what it did counts from before what was seen since
            self.past.clear()
            self.behind = timedelta()

    def remember_hold(self, played):
        """A new hold has its number from the engine."""
        if played:
            hold_id = played[0].hold_id
            self.model.holds[hold_id] = self.model.holds.pop("new")
            self.hold_moved[hold_id] = self.moved

    # Credits come in

    @rule(credits=SMALL, days=st.none() | st.integers(0, 400))
    def grant(self, credits, days):
        self.grant_until(credits, None if days is None else self.today() + timedelta(days=days))

    def grant_until(self, credits, on):
        def change(_model, at):
            if on and midnight(on) <= at:
                raise Refusal("BadRequest")

        played = self.play(
            engine.grant, self.platform, credits, change=change, expires_on=on, reason="x", actor=ADA
        )
        if played:
            self.model.add(played[0].lot_id, credits, on)

    @rule(credits=SMALL, months=st.sampled_from([1, 2, 6, 24]))
    def purchase(self, credits, months):
        until = later(self.today(), months)
        preview = engine.preview_purchase(self.platform, validity_months=months, now=self.clock())
        result, _ = self.play(
            engine.purchase, self.platform, credits, validity_months=months, actor=ADA,
            change=lambda model, at: model.renew(until, at), subject=Subject("order", next(numbers)),
        )  # fmt: skip
        assert preview.renewals == result.renewals
        assert preview.expires_on == result.expires_on == until
        self.model.add(result.lot_id, credits, until)

    # Assignment

    @rule(data=st.data())
    def set_access(self, data):
        model = self.model
        all_there_is = model.unassigned + sum(model.limited.values())
        amounts = st.none() | st.integers(0, 80) | st.sampled_from([all_there_is, all_there_is + 1])
        wanted = data.draw(st.dictionaries(st.sampled_from(self.lists), amounts, min_size=1))
        self.play(
            engine.set_access,
            self.platform,
            wanted,
            actor=ADA,
            change=lambda model, _: model.access(wanted),
        )

    @rule()
    def free_all(self):
        self.play(
            engine.free, self.platform, None, actor=ADA,
            change=lambda model, _: model.access(dict.fromkeys(model.limited)),
        )  # fmt: skip

    # Holds

    def draw_demands(self, data):
        """Now and then exactly what a list may spend, or one more: there refusals begin."""
        keys = data.draw(st.lists(st.sampled_from([*self.lists, None]), min_size=1, max_size=3))
        funds = [self.model.limited.get(key, self.model.unassigned) for key in keys]
        some = st.integers(1, 25)
        return [
            (key, data.draw(some | some | st.sampled_from([max(fund, 1), fund + 1])))
            for key, fund in zip(keys, funds, strict=True)
        ]

    def draw_send_at(self, data):
        midnights = [midnight(lot["on"]) for lot in self.model.lots.values() if lot["on"]]
        hours = st.sampled_from([0, 1, 24, 24 * 31, 24 * 200])
        instants = hours.map(lambda number: self.now + timedelta(hours=number))
        return data.draw(instants | st.sampled_from(midnights) if midnights else instants).astimezone(UTC)

    @rule(data=st.data())
    def place_hold(self, data):
        demands, send_at = self.draw_demands(data), self.draw_send_at(data)
        played = self.play(
            engine.place_hold, self.platform, [Demand(*one) for one in demands],
            change=lambda model, at: model.hold("new", demands, send_at, at),
            send_at=send_at, subject=Subject("campaign", 5), label="x", actor=ADA,
        )  # fmt: skip
        self.remember_hold(played)

    def draw_hold(self, data):
        return data.draw(st.sampled_from(sorted(self.model.holds)))

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def reschedule(self, data):
        hold = self.draw_hold(data)
        demands, send_at = self.draw_demands(data), self.draw_send_at(data)

        def change(model, at):
            model.release(hold, None, at)
            model.hold("new", demands, send_at, at)

        played = self.play(
            engine.reschedule, hold, [Demand(*one) for one in demands], change=change, hold=hold,
            send_at=send_at, actor=ADA,
        )  # fmt: skip
        self.remember_hold(played)

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def capture(self, data):
        hold = self.draw_hold(data)
        known = st.sampled_from(sorted(self.model.charged)) if self.model.charged else st.nothing()
        batch = {}
        for _ in range(data.draw(st.integers(1, 4))):
            self.messages += 1
            message = data.draw(st.just(self.messages) | known)
            key = data.draw(st.sampled_from(sorted(self.model.holds[hold]["demands"], key=str)))
            batch[message] = (key, data.draw(st.integers(1, 12)), data.draw(st.sampled_from(["IT", "DE"])))
        charges = [
            Charge(m, key, country, 1, n, "world_rates", "1") for m, (key, n, country) in batch.items()
        ]
        played = self.play(
            engine.capture, hold, charges, hold=hold,
            change=lambda model, _: model.capture(hold, {m: (key, n) for m, (key, n, _) in batch.items()}),
        )  # fmt: skip
        if played:
            assert played[0].credits == played[1]

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), some=st.booleans())
    def release(self, data, some):
        hold = self.draw_hold(data)
        keys = st.sampled_from(sorted(self.model.holds[hold]["demands"], key=str))
        wanted = data.draw(st.dictionaries(keys, st.integers(1, 30), min_size=1)) if some else None
        played = self.play(
            engine.release, hold, wanted, reason="x", actor=ADA, hold=hold,
            change=lambda model, at: model.release(hold, wanted, at),
        )  # fmt: skip
        if played:
            assert played[0].expired == played[1]

    # The rest

    @precondition(lambda self: self.model.lots)
    @rule(data=st.data())
    def adjust(self, data):
        lot = data.draw(st.sampled_from(sorted(self.model.lots)))
        most = min(self.model.lots[lot]["left"], self.model.unassigned)
        credits = data.draw(SMALL | st.sampled_from([max(most, 1), most + 1]))

        def change(model, _):
            enough("InsufficientCredits", [(None, credits, min(model.lots[lot]["left"], model.unassigned))])
            model.lots[lot]["left"] -= credits
            model.unassigned -= credits

        self.play(engine.adjust, self.platform, lot, credits, change=change, reason="x", actor=ADA)

    @rule()
    def expire_due(self):
        for expired in engine.expire_due(now=self.now):
            self.moved = max(self.moved, expired.at)
        self.model.expire(self.now)
        assert engine.expire_due(now=self.now) == ()

    @rule(most=st.integers(1, 40))
    def seal(self, most):
        sealing.seal(now=self.now, most=most)

    @rule(every=st.integers(1, 9))
    def write_checkpoints(self, every):
        history.write_checkpoints(self.platform, now=self.now, every=every)

    @rule(by=st.sampled_from([timedelta(microseconds=1), timedelta(minutes=40), timedelta(hours=30)]))
    def a_clock_is_behind(self, by):
        self.behind = by

    @rule(policy=st.sampled_from(["latest_expiry_first", "earliest_expiry_first"]))
    def choose_burn_order(self, policy):
        statement = text("UPDATE platform SET burn_order = :policy WHERE id = :platform")
        db.session.execute(statement, {"policy": policy, "platform": self.platform})
        db.session.commit()
        self.model.policy = policy

    @rule(step=st.timedeltas(timedelta(microseconds=1), timedelta(days=40)))
    def time_passes(self, step):
        self.now += step

    @precondition(
        lambda self: any(lot["on"] and lot["on"] > self.today() for lot in self.model.lots.values())
    )
    @rule(
        data=st.data(), beside=st.sampled_from([timedelta(), timedelta(microseconds=-1), timedelta(days=3)])
    )
    def a_midnight_comes(self, data, beside):
        days = sorted(
            {lot["on"] for lot in self.model.lots.values() if lot["on"] and lot["on"] > self.today()}
        )
        self.now = max(self.now, midnight(data.draw(st.sampled_from(days))) + beside)

    def today(self):
        return self.clock().astimezone(ITALY).date()

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def somebody_retries(self, data):
        verb, args, given, result = data.draw(st.sampled_from(self.done))
        before = everything(LEDGER)
        again = verb(*args, **(given | {"now": self.now}))
        assert again.replayed
        assert {**vars(again), "replayed": False} == vars(result)
        with pytest.raises(engine.IdempotencyConflict):
            engine.grant(
                self.platform, 77, expires_on=None, reason="other", actor=ADA, now=self.now, key=given["key"]
            )
        assert everything(LEDGER) == before

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def somebody_asks_for_the_past(self, data):
        first = self.past[0][0]
        instant = data.draw(st.sampled_from([when for when, _ in self.past]))
        instant += data.draw(st.sampled_from([timedelta(), timedelta(microseconds=-1), timedelta(hours=1)]))
        if first <= instant < self.now:
            told = self.told(engine.balance(self.platform, now=self.now, at=instant))
            expected = [model for when, model in self.past if when <= instant][-1].view(instant)
            del told["policy"], expected["policy"]  # told by the transactions, not by the platform's row
            assert told == expected

    # What must hold

    def told(self, balance):
        assert (
            balance.available
            == balance.unassigned + balance.assigned
            == sum(lot.credits_left for lot in balance.lots)
        )
        assert (
            balance.held
            == sum(lot.held for lot in balance.lots)
            == sum(hold.credits for hold in balance.holds)
        )
        assert balance.assigned == sum(one.assigned for one in balance.lists)
        return {
            "unassigned": balance.unassigned,
            "limited": {one.list_id: one.assigned for one in balance.lists if one.access == "limited"},
            "held_lists": {one.list_id: one.held for one in balance.lists if one.held},
            "lots": {lot.id: (lot.credits_left, lot.held, lot.expires_on) for lot in balance.lots},
            "holds": {hold.id: hold.credits for hold in balance.holds},
            "policy": balance.burn_order,
        }

    @invariant()
    def engine_and_model_agree(self):
        if not hasattr(self, "platform"):
            return
        self.past.append((self.now, self.model.copy()))
        assert self.told(engine.balance(self.platform, now=self.now)) == self.model.view(self.now)

    @invariant()
    def an_auditor_finds_nothing(self):
        """The books behind the balances: everything `ledger verify` knows, and the bystander's."""
        if not hasattr(self, "bystander"):
            return
        assert engine.verify() == ()
        used = db.session.execute(
            text("SELECT coalesce(sum(credits), 0) FROM usage_day WHERE platform_id = :p"),
            {"p": self.platform},
        ).scalar_one()
        assert used == sum(credits for _, credits in self.model.charged.values())
        assert engine.balance(self.other, now=self.now) == self.bystander


def numbers_of(error, names):
    """What an error carries of these, its parts as tuples."""
    told = {name: getattr(error, name) for name in names}
    return {name: [*map(astuple, n)] if isinstance(n, tuple) else n for name, n in told.items()}
