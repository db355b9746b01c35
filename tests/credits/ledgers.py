"""What the ledger's tests share: lists, short forms of the engine's verbs, balances as dicts."""

from datetime import UTC, date, datetime
from itertools import count

from sqlalchemy import text

from webapp.credits import engine
from webapp.credits.engine import Actor, Charge, Demand, Subject
from webapp.db import db

NOW = datetime(2027, 3, 2, 9, 0, tzinfo=UTC)
ADA = Actor(None, "Ada")
CAMPAIGN = Subject("campaign", 7)
ORDER = Subject("order", 3)
numbers = count(1)


def key(prefix="key"):
    return f"{prefix}-{next(numbers)}"


def make_list(platform_id, name=None):
    """A recipient list, without the recipients that the ledger does not know."""
    statement = text(
        "INSERT INTO recipient_list (platform_id, name, created_at)"
        " VALUES (:platform_id, :name, '2020-01-01Z') RETURNING id"
    )
    row = {"platform_id": platform_id, "name": name or f"List {next(numbers)}"}
    return db.session.execute(statement, row).scalar_one()


def grant(platform_id, credits, expires_on=None, *, now=NOW, **given):
    return engine.grant(
        platform_id,
        credits,
        expires_on=expires_on,
        **({"reason": "bonus", "actor": ADA, "key": key()} | given),
        now=now,
    )


def purchase(platform_id, credits, months=24, *, now=NOW, **given):
    given = {"subject": ORDER, "actor": ADA, "key": key()} | given
    return engine.purchase(platform_id, credits, validity_months=months, now=now, **given)


def assign(platform_id, credits, *, now=NOW, **given):
    return engine.assign(platform_id, credits, now=now, **({"actor": ADA, "key": key()} | given))


def free(platform_id, lists=None, *, now=NOW, **given):
    return engine.free(platform_id, lists, now=now, **({"actor": ADA, "key": key()} | given))


def hold(platform_id, demands, *, send_at=None, now=NOW, **given):
    """`demands`: credits (no list), or {list: credits}."""
    wanted = {None: demands} if isinstance(demands, int) else demands
    given = {"subject": CAMPAIGN, "label": "Spring sale", "actor": ADA, "key": key()} | given
    asked = [Demand(list_id, credits) for list_id, credits in wanted.items()]
    return engine.place_hold(platform_id, asked, send_at=send_at or now, now=now, **given)


def charge(list_id=None, credits=1, *, message_id=None, country="IT", segments=1):
    return Charge(message_id or next(numbers), list_id, country, segments, credits, "world_rates", "1.0")


def capture(hold_id, charges, *, now=NOW, **given):
    return engine.capture(hold_id, charges, now=now, **({"key": key()} | given))


def release(hold_id, credits=None, *, now=NOW, **given):
    given = {"reason": "cancelled", "actor": ADA, "key": key()} | given
    return engine.release(hold_id, credits, now=now, **given)


def reschedule(hold_id, demands, *, send_at=None, now=NOW, **given):
    asked = [Demand(list_id, credits) for list_id, credits in demands.items()]
    given = {"actor": ADA, "key": key()} | given
    return engine.reschedule(hold_id, asked, send_at=send_at or now, now=now, **given)


def adjust(platform_id, lot_id, credits, *, now=NOW, **given):
    given = {"reason": "mistake", "actor": ADA, "key": key()} | given
    return engine.adjust(platform_id, lot_id, credits, now=now, **given)


def totals(platform_id, now=NOW, at=None):
    """(unassigned, assigned, held), after a look at what must always be true of a balance."""
    told = engine.balance(platform_id, now=now, at=at)
    assert told.available == told.unassigned + told.assigned == sum(lot.credits_left for lot in told.lots)
    assert told.held == sum(lot.held for lot in told.lots) == sum(one.credits for one in told.holds)
    return told.unassigned, told.assigned, told.held


def assigned(platform_id, now=NOW):
    """{limited list: credits}."""
    lists = engine.balance(platform_id, now=now).lists
    return {one.list_id: one.assigned for one in lists if one.access == "limited"}


def lots_left(platform_id, now=NOW):
    """{lot: (left, held)}."""
    return {lot.id: (lot.credits_left, lot.held) for lot in engine.balance(platform_id, now=now).lots}


def slices(hold_id):
    """{lot: (credits, captured, released)} of a hold, in the order of lots."""
    rows = db.session.execute(
        text(
            "SELECT lot_id, credits, captured, released FROM hold_slice WHERE hold_id = :hold_id ORDER BY 1"
        ),
        {"hold_id": hold_id},
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def rows_of_ledger():
    """How many rows every table has, and the sum of what changes: equal means nothing was done."""
    tables = (
        "ledger_transaction",
        "ledger_entry",
        "lot_line",
        "lot_renewal",
        "access_change",
        "charge",
        "lot",
        "hold",
    )
    counted = [db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]
    sums = "SELECT coalesce(sum(unassigned), 0), coalesce(sum(assigned), 0) FROM credit_pool"
    return counted, tuple(db.session.execute(text(sums)).one())


def day(text_of_day):
    return date.fromisoformat(text_of_day)


VERBS = (
    "grant", "purchase", "adjust", "hold", "capture", "release", "reschedule", "assign", "set_access", "free"
)  # fmt: skip


def every_verb(platform, vip, now=NOW):
    """Each operation at an instant, with what another request under its key would be."""
    lot = grant(platform, 500)
    held, other = hold(platform, {vip: 50}), hold(platform, {vip: 50})
    about = {"subject": CAMPAIGN, "label": "x", "actor": ADA}
    return {
        "grant": lambda k, n=5: engine.grant(
            platform, n, expires_on=day("2028-06-01"), reason="x", actor=ADA, now=now, key=k
        ),
        "purchase": lambda k, n=5: engine.purchase(
            platform, n, validity_months=3, subject=ORDER, actor=ADA, now=now, key=k
        ),
        "adjust": lambda k, n=5: engine.adjust(
            platform, lot.lot_id, n, reason="x", actor=ADA, now=now, key=k
        ),
        "hold": lambda k, n=5: engine.place_hold(
            platform, [Demand(vip, n)], send_at=now, now=now, key=k, **about
        ),
        "capture": lambda k, n=5: engine.capture(
            held.hold_id, [charge(vip, n, message_id=10**9)], now=now, key=k
        ),
        "release": lambda k, n=5: engine.release(
            held.hold_id, {vip: n}, reason="x", actor=ADA, now=now, key=k
        ),
        "reschedule": lambda k, n=5: engine.reschedule(
            other.hold_id, [Demand(vip, n)], send_at=now, actor=ADA, now=now, key=k
        ),
        "assign": lambda k, n=5: engine.assign(platform, {vip: n}, actor=ADA, now=now, key=k),
        "set_access": lambda k, n=6: engine.set_access(platform, {vip: n}, actor=ADA, now=now, key=k),
        "free": lambda k, n=5: engine.free(platform, [vip] if n == 5 else None, actor=ADA, now=now, key=k),
    }
