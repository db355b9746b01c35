"""Every operation, in any order, against the model; every invariant after every step."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from tests.credits.ledgers import ADA, make_list
from tests.credits.model import ITALY, Model, Refusal, later, midnight
from tests.personas import make_platform
from webapp.credits import engine
from webapp.credits.engine import Charge, Demand, Subject
from webapp.db import db
from webapp.errors import Refused

STEPS = 50
CI_RUNS = int(os.environ.get("LEDGER_RUNS", "500"))
SOAK_RUNS = 10_000
RUNS_TO_A_VACUUM = 4

STARTS = [
    datetime(2027, 3, 26, 22, 30, tzinfo=UTC),  # the clocks go forward in Italy two days later
    datetime(2027, 10, 30, 21, 59, 59, tzinfo=UTC),  # and back the next night
    datetime(2028, 1, 31, 12, 0, tzinfo=UTC),  # a month later is 29 February
]
SMALL = st.integers(1, 60)
numbers = count(1)


class Ledger(RuleBasedStateMachine):
    """Three lists of one platform, and a second platform that must never notice."""

    def __init__(self):
        super().__init__()
        self.outer = db.engines[None].begin()
        self.engine_kept = db.engines[None]
        db.session.configure(join_transaction_mode="create_savepoint")
        db.engines[None] = self.connection = self.outer.__enter__()
        self.model = Model()
        self.past = []
        self.done = []
        self.messages = 0

    def teardown(self):
        db.session.remove()
        self.connection.rollback()
        db.engines[None] = self.engine_kept
        self.outer.__exit__(None, None, None)

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start):
        self.now = start
        self.platform = make_platform(f"Machine {next(numbers)}").id
        self.other = make_platform(f"Bystander {next(numbers)}").id
        self.lists = [make_list(self.platform) for _ in range(3)]
        other_list = make_list(self.other)
        engine.grant(self.other, 9, expires_on=None, reason="x", actor=ADA, now=start, key="same key")
        engine.assign(self.other, {other_list: 4}, actor=ADA, now=start, key="another")
        self.bystander = engine.balance(self.other, now=start)
        db.session.commit()

    # How a step is played

    def play(self, verb, *args, model, **given):
        """One operation on both; a refusal must be the same on both and leave no trace."""
        given |= {"now": self.now, "key": f"key-{next(numbers)}"}
        before = self.model.view(self.now)
        try:
            expected = model()
        except Refusal as refusal:
            rows = self.rows()
            with pytest.raises(Refused) as caught:
                verb(*args, **given)
            assert type(caught.value).__name__ == str(refusal)  # noqa: PT017
            assert self.rows() == rows, "a refusal wrote something"
            assert before == self.model.view(self.now)
            return None
        result = verb(*args, **given)
        self.done.append((verb, args, given, result))
        return result, expected

    def rows(self):
        return db.session.execute(
            text("SELECT (SELECT count(*) FROM ledger_transaction), (SELECT count(*) FROM ledger_entry)")
        ).one()

    def attempt(self, change):
        """Plays `change` on a model in which what is due has expired; a refusal keeps the old one."""

        def run():
            trial = self.model.copy()
            trial.expire(self.now)
            answer = change(trial)
            self.model = trial
            return answer

        return run

    # Credits come in

    @rule(credits=SMALL, days=st.none() | st.integers(1, 400))
    def grant(self, credits, days):
        on = None if days is None else self.now.astimezone(ITALY).date() + timedelta(days=days)
        result = engine.grant(
            self.platform,
            credits,
            expires_on=on,
            reason="x",
            actor=ADA,
            now=self.now,
            key=(key := f"key-{next(numbers)}"),
        )
        given = {"expires_on": on, "reason": "x", "actor": ADA, "now": self.now, "key": key}
        self.done.append((engine.grant, (self.platform, credits), given, result))
        self.attempt(lambda model: model.add(result.lot_id, credits, on))()

    @rule(credits=SMALL, months=st.sampled_from([1, 2, 6, 24]))
    def purchase(self, credits, months):
        until = later(self.now.astimezone(ITALY).date(), months)
        preview = engine.preview_purchase(self.platform, validity_months=months, now=self.now)

        def change(model):
            model.renew(until, self.now)

        result, _ = self.play(
            engine.purchase, self.platform, credits, model=self.attempt(change), validity_months=months,
            subject=Subject("order", next(numbers)), actor=ADA,
        )  # fmt: skip
        assert preview.renewals == result.renewals
        assert preview.expires_on == result.expires_on == until
        self.model.add(result.lot_id, credits, until)

    # Assignment

    @rule(data=st.data())
    def set_access(self, data):
        amounts = st.none() | st.integers(0, 80)
        wanted = data.draw(st.dictionaries(st.sampled_from(self.lists), amounts, min_size=1))
        self.play(
            engine.set_access,
            self.platform,
            wanted,
            actor=ADA,
            model=self.attempt(lambda model: model.access(wanted)),
        )

    @rule()
    def free_all(self):
        def change(model):
            model.access(dict.fromkeys(model.limited))

        self.play(engine.free, self.platform, None, actor=ADA, model=self.attempt(change))

    # Holds

    def draw_demands(self, data):
        one = st.tuples(st.sampled_from([*self.lists, None]), st.integers(1, 50))
        return data.draw(st.lists(one, min_size=1, max_size=4))

    def draw_send_at(self, data):
        return self.now + timedelta(hours=data.draw(st.sampled_from([0, 1, 24, 24 * 31, 24 * 200])))

    @rule(data=st.data())
    def place_hold(self, data):
        demands, send_at = self.draw_demands(data), self.draw_send_at(data)
        played = self.play(
            engine.place_hold, self.platform, [Demand(*one) for one in demands],
            model=self.attempt(lambda model: model.hold("new", demands, send_at, self.now)),
            send_at=send_at, subject=Subject("campaign", 5), label="x", actor=ADA,
        )  # fmt: skip
        if played:
            self.model.holds[played[0].hold_id] = self.model.holds.pop("new")

    def draw_hold(self, data):
        return data.draw(st.sampled_from(sorted(self.model.holds)))

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def reschedule(self, data):
        hold = self.draw_hold(data)
        demands, send_at = self.draw_demands(data), self.draw_send_at(data)

        def change(model):
            model.release(hold, None, self.now)
            model.hold("new", demands, send_at, self.now)

        played = self.play(
            engine.reschedule, hold, [Demand(*one) for one in demands], model=self.attempt(change),
            send_at=send_at, actor=ADA,
        )  # fmt: skip
        if played:
            self.model.holds[played[0].hold_id] = self.model.holds.pop("new")

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
            engine.capture, hold, charges,
            model=lambda: self.model.capture(hold, {m: (key, n) for m, (key, n, _) in batch.items()}),
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
            engine.release, hold, wanted, reason="x", actor=ADA,
            model=self.attempt(lambda model: model.release(hold, wanted, self.now)),
        )  # fmt: skip
        if played:
            assert played[0].expired == played[1]

    # The rest

    @precondition(lambda self: self.model.lots)
    @rule(data=st.data(), credits=SMALL)
    def adjust(self, data, credits):
        lot = data.draw(st.sampled_from(sorted(self.model.lots)))

        def change(model):
            if credits > min(model.lots[lot]["left"], model.unassigned):
                raise Refusal("InsufficientCredits")
            model.lots[lot]["left"] -= credits
            model.unassigned -= credits

        self.play(
            engine.adjust, self.platform, lot, credits, model=self.attempt(change), reason="x", actor=ADA
        )

    @rule()
    def expire_due(self):
        engine.expire_due(now=self.now)
        self.model.expire(self.now)
        assert engine.expire_due(now=self.now) == ()

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
        return self.now.astimezone(ITALY).date()

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def somebody_retries(self, data):
        verb, args, given, result = data.draw(st.sampled_from(self.done))
        rows = self.rows()
        again = verb(*args, **(given | {"now": self.now}))
        assert again.replayed
        assert {**vars(again), "replayed": False} == vars(result)
        with pytest.raises(engine.IdempotencyConflict):
            engine.grant(
                self.platform, 77, expires_on=None, reason="other", actor=ADA, now=self.now, key=given["key"]
            )
        assert self.rows() == rows

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


def run_machine(app, runs, part=0):
    """Rolled back after every run; what that leaves behind is swept away now and then.

    Where Hypothesis is told to draw the same every time (CI), each part draws from a seed of its own.
    """
    counted = count(1)

    class Swept(Ledger):
        def teardown(self):
            super().teardown()
            if next(counted) % RUNS_TO_A_VACUUM == 0:
                with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(text("VACUUM ANALYZE"))

    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        report_multiple_bugs=False,
    )
    with app.app_context():
        run_state_machine_as_test(seed(part)(Swept), settings=chosen)


@pytest.mark.parametrize("part", range(4))
def test_any_history_agrees_with_the_rules(committed_app, part):
    run_machine(committed_app, CI_RUNS // 4, part)


@pytest.mark.soak
def test_ten_thousand_histories_agree_with_the_rules(committed_app):
    run_machine(committed_app, SOAK_RUNS)
