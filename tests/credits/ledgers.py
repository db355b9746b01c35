"""What the ledger's tests share: lists, short forms of the engine's verbs, balances as dicts."""

from datetime import UTC, date, datetime, timedelta
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


def choose(platform, **values):
    for column, value in values.items():
        db.session.execute(
            text(f"UPDATE platform SET {column} = :value WHERE id = :id"), {"value": value, "id": platform}
        )


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


TABLES = """
SELECT quote_ident(table_name) FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1
"""
DIGEST = "SELECT '{0}', md5(string_agg(one::text, E'\\n' ORDER BY one::text)) FROM {0} AS one"


def everything(tables=None):
    """{table: digest of its rows} of the whole schema, or of some: equal means that nothing was done there.

    What the test has made so far is committed, or a refusal would take it away with its own.
    """
    db.session.commit()
    tables = tables or db.session.execute(text(TABLES)).scalars()
    digests = " UNION ALL ".join(DIGEST.format(table) for table in tables)
    return dict(db.session.execute(text(digests)).all())


def day(text_of_day):
    return date.fromisoformat(text_of_day)


VERBS = (
    "grant", "purchase", "adjust", "hold", "capture", "release", "reschedule", "assign", "set_access", "free"
)  # fmt: skip


def every_verb(platform, vip, now=NOW):
    """Each operation at an instant: asked with a key and, where named, facts other than its own."""

    def asked(function, given):
        by = {"now": now} if function is engine.capture else {"now": now, "actor": ADA}
        return lambda key, **other: function(**(given | by | other), key=key)

    requests = every_request(platform, vip, now)
    return {verb: asked(function, given) for verb, (function, given, _) in requests.items()}


def every_request(platform, vip, now=NOW):
    """{operation: (function, its facts, what each of them is in other requests)}."""
    lot, other_lot = grant(platform, 500).lot_id, grant(platform, 1).lot_id
    held, other, third = (hold(platform, {vip: 50}).hold_id for _ in range(3))
    shop = make_list(platform)
    of, message = {"platform_id": platform}, charge(vip, 5, message_id=10**9)
    about = {"subject": CAMPAIGN, "label": "Spring"}
    subjects = [Subject(CAMPAIGN.kind, 8), Subject("message", CAMPAIGN.id)]
    later = [now + timedelta(microseconds=1), now + timedelta(days=1)]
    demands = [Demand(vip, 3), Demand(None, 2)]
    other_demands = [
        [*demands[::-1]],
        [Demand(vip, 3)],
        [Demand(shop, 3), demands[1]],
        [*demands, demands[0]],
    ]
    accesses = [{vip: 6}, {shop: 5}, {vip: 5, shop: 0}]
    other_charges = [
        *([message._replace(**{fact: value})] for fact, value in OTHER_MESSAGE.items()),
        [message._replace(list_id=shop)],
        [message._replace(list_id=None)],
        [message, charge(vip, 1, message_id=10**9 + 1)],
    ]
    return {
        "grant": (
            engine.grant,
            of | {"credits": 5, "expires_on": day("2028-06-01"), "reason": "x"},
            {"credits": [7], "expires_on": [day("2028-06-02"), None], "reason": ["y"]},
        ),
        "purchase": (
            engine.purchase,
            of | {"credits": 5, "validity_months": 3, "subject": ORDER},
            {"credits": [7], "validity_months": [4], "subject": [Subject("order", 4), Subject("gift", 3)]},
        ),
        "adjust": (
            engine.adjust,
            of | {"lot_id": lot, "credits": 5, "reason": "x"},
            {"lot_id": [other_lot], "credits": [7], "reason": ["y"]},
        ),
        "hold": (
            engine.place_hold,
            of | {"demands": demands, "send_at": now, **about},
            {"demands": other_demands, "send_at": later, "subject": subjects, "label": ["Summer"]},
        ),
        "capture": (
            engine.capture,
            {"hold_id": held, "charges": [message]},
            {"hold_id": [third], "charges": other_charges},
        ),
        "release": (
            engine.release,
            {"hold_id": held, "credits": {vip: 5}, "reason": "x"},
            {"hold_id": [third], "credits": [{vip: 7}, {shop: 5}, {None: 5}, None], "reason": ["y"]},
        ),
        "reschedule": (
            engine.reschedule,
            {"hold_id": other, "demands": demands, "send_at": now},
            {"hold_id": [third], "demands": other_demands, "send_at": later},
        ),
        "assign": (engine.assign, of | {"credits": {vip: 5}}, {"credits": accesses}),
        "set_access": (engine.set_access, of | {"access": {vip: 7}}, {"access": [*accesses, {vip: None}]}),
        "free": (engine.free, of | {"list_ids": [vip]}, {"list_ids": [[shop], [vip, shop], None]}),
    }


OTHER_MESSAGE = {
    "message_id": 10**9 + 1,
    "country": "DE",
    "segments": 2,
    "credits_per_segment": 6,
    "plugin": "rate_sheets",
    "plugin_version": "1.1",
}
