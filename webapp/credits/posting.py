"""Writes a draft in one statement: the transaction with its entries and lines, and each balance it moves.

Every balance is guarded again in its UPDATE's own WHERE; a guard that does not hold is a defect of the
planning before it, never something a person did. One statement, because most of what a small statement
costs is being one: its parts are CTEs, which all see the rows as they were and take effect together.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy.exc import IntegrityError

from webapp.credits.draft import Draft
from webapp.credits.errors import IdempotencyConflict
from webapp.credits.wire import Statement, Wire


class LedgerDefect(AssertionError):
    """A balance was not what the plan had read under its lock. Nothing was written."""


class Overtaken(LedgerDefect):
    """The same of a plan made without a lock, where it is no defect: plan again, under the lock."""


class Part(NamedTuple):
    """A CTE of the statement; `rows` is how many it must change, None where that is not known."""

    name: str
    sql: str
    values: Mapping[str, object]
    rows: int | None = None


# The pool is first, and whatever else moves with it is joined to it: its row is the lock of all of them, and
# the transaction's number and instant are those of whoever has it.
MOVE_POOL = """
UPDATE credit_pool
SET unassigned = unassigned + %(unassigned)s::bigint, assigned = assigned + %(assigned)s::bigint,
    received = received + %(received)s::bigint, moved_at = greatest(moved_at, %(at)s::timestamptz),
    turn = turn + %(turns)s::bigint
WHERE platform_id = %(platform_id)s AND turn = coalesce(%(turn)s::bigint, turn)
  AND unassigned + %(unassigned)s::bigint >= 0
  AND assigned + %(assigned)s::bigint >= 0
RETURNING unassigned + assigned AS available, moved_at
"""
MOVE_LISTS = """
UPDATE list_balance AS balance SET assigned = balance.assigned + change.credits
FROM pool, unnest(%(moved_lists)s::bigint[], %(list_changes)s::bigint[]) AS change (id, credits)
WHERE balance.platform_id = %(platform_id)s AND balance.list_id = change.id AND balance.limited
  AND balance.assigned + change.credits >= 0
RETURNING 1
"""
MOVE_LOTS = """
UPDATE lot SET credits_left = credits_left + change.credits
FROM pool, unnest(%(moved_lots)s::bigint[], %(lot_changes)s::bigint[]) AS change (id, credits)
WHERE lot.id = change.id AND lot.platform_id = %(platform_id)s AND lot.credits_left + change.credits >= 0
RETURNING 1
"""
RESOLVE_HOLD = """
UPDATE hold SET captured = captured + %(captured)s::bigint, released = released + %(released)s::bigint,
    moved_at = greatest(moved_at, %(at)s::timestamptz)
WHERE id = %(hold_id)s AND platform_id = %(platform_id)s
RETURNING 1
"""
RESOLVE_DEMANDS = """
UPDATE hold_demand AS demand
SET captured = demand.captured + change.captured, released = demand.released + change.released
FROM unnest(%(demand_ids)s::bigint[], %(demands_captured)s::bigint[], %(demands_released)s::bigint[])
     AS change (id, captured, released)
WHERE demand.hold_id = %(hold_id)s AND demand.list_key = change.id
RETURNING 1
"""
RESOLVE_SLICES = """
UPDATE hold_slice AS slice
SET captured = slice.captured + change.captured, released = slice.released + change.released
FROM unnest(%(slice_ids)s::bigint[], %(slices_captured)s::bigint[], %(slices_released)s::bigint[])
     AS change (id, captured, released)
WHERE slice.hold_id = %(hold_id)s AND slice.lot_id = change.id
RETURNING 1
"""
RECORD = """
INSERT INTO ledger_transaction (platform_id, kind, at, recorded_at, on_day, actor_id, actor_name,
    subject_kind, subject_id, hold_id, reason, burn_order, available_after, key, request, result)
SELECT %(platform_id)s::bigint, %(kind)s, {at}, %(recorded_at)s::timestamptz, %(on_day)s::date,
    %(actor_id)s::bigint, %(actor_name)s, %(subject_kind)s, %(subject_id)s::bigint, %(hold_id)s::bigint,
    %(reason)s, %(burn_order)s, {available}, %(key)s, %(request)s::bytea, %(result)s::jsonb
{source}
RETURNING id
"""
RECORD_CAPTURE = RECORD.format(at="%(at)s::timestamptz", available="NULL::bigint", source="")
RECORD_MOVE = RECORD.format(at="pool.moved_at", available="pool.available", source="FROM pool")
RECORD_ENTRIES = """
INSERT INTO ledger_entry (platform_id, transaction_id, position, source, target, credits, list_id, hold_id)
SELECT %(platform_id)s::bigint, recorded.id, entry.position, source, target, entry.credits, list_id,
       CASE WHEN 'hold' IN (source, target) THEN %(hold_id)s::bigint END
FROM recorded, unnest(%(sources)s::text[], %(targets)s::text[], %(credits)s::bigint[], %(lists)s::bigint[])
     WITH ORDINALITY AS entry (source, target, credits, list_id, position)
"""
RECORD_LINES = """
INSERT INTO lot_line (platform_id, transaction_id, position, lot_id, source, target, credits, hold_id)
SELECT %(platform_id)s::bigint, recorded.id, line.position, lot_id, source, target, line.credits,
       CASE WHEN 'held' IN (source, target) THEN %(hold_id)s::bigint END
FROM recorded, unnest(%(line_lots)s::bigint[], %(line_sources)s::text[], %(line_targets)s::text[],
                      %(line_credits)s::bigint[])
     WITH ORDINALITY AS line (lot_id, source, target, credits, position)
"""
RECORD_RENEWALS = """
INSERT INTO lot_renewal (platform_id, transaction_id, lot_id, expires_on_before, expires_on)
SELECT %(platform_id)s, currval('ledger_transaction_id_seq'), * FROM
    unnest(%(lots)s::bigint[], %(before)s::date[], %(after)s::date[])
"""
RECORD_ACCESS = """
INSERT INTO access_change (platform_id, transaction_id, list_id, limited)
SELECT %(platform_id)s, currval('ledger_transaction_id_seq'), *
FROM unnest(%(lists)s::bigint[], %(limited)s::bool[])
"""


def post(
    wire: Wire, draft: Draft, result: Mapping[str, object], *others: Statement, beside: Sequence[Part] = ()
) -> int:
    """Writes the draft in one round trip, `others` after it; the answer is the transaction's id.

    The parts `beside` it are of the same statement and may use `pool` and `recorded`, which has the id;
    `others` may use `currval('ledger_transaction_id_seq')`.
    """
    parts = [*hold_moves(draft), *pool_moves(draft), *recording(draft, result), *beside]
    sql = statement_of(tuple((part.name, part.sql, part.rows is not None) for part in parts))
    values = {name: value for part in parts for name, value in part.values.items()}
    try:
        [(transaction_id, *counts)], *_ = wire.ask_all((sql, values), *extras(draft), *others)
    except IntegrityError as error:
        if draft.key and "uq_ledger_transaction_platform_id_key" in str(error.orig):
            raise IdempotencyConflict(draft.key) from error  # two at once; the same request would have waited
        raise
    expected = [part.rows for part in parts if part.rows is not None]
    if counts != expected:
        failure = LedgerDefect if draft.turn is None else Overtaken
        raise failure(f"{counts} of {expected} balances could be moved by {sql}")
    return int(transaction_id)


@cache
def statement_of(parts: tuple[tuple[str, str, bool], ...]) -> str:
    """One statement of these parts, on as little text as possible: psycopg keeps only short ones parsed.

    Its columns are the transaction's id, then how many rows each counted part has changed, in order.
    """
    ctes = ", ".join(f"{name} AS ({' '.join(sql.split())})" for name, sql, _ in parts)
    counts = "".join(f", (SELECT count(*) FROM {name})" for name, _, counted in parts if counted)
    return f"WITH {ctes} SELECT (SELECT id FROM recorded){counts}"


def pool_moves(draft: Draft) -> list[Part]:
    """The pool, lists and lots; of a capture none."""
    if draft.kind == "capture":
        return []
    lists, lots = draft.list_changes(), draft.lot_changes()
    pool = {
        "platform_id": draft.platform_id,
        "unassigned": draft.unassigned_change(),
        "assigned": sum(lists.values()),
        "received": draft.received(),
        "at": draft.at,
        "turn": draft.turn,
        "turns": int(draft.kind != "hold"),
    }
    parts = [Part("pool", MOVE_POOL, pool, 1)]
    for name, sql, changes, ids, amounts in (
        ("lists", MOVE_LISTS, lists, "moved_lists", "list_changes"),
        ("lots", MOVE_LOTS, lots, "moved_lots", "lot_changes"),
    ):
        moved = sorted(key for key, change in changes.items() if change)
        if moved:
            parts.append(Part(name, sql, {ids: moved, amounts: [changes[key] for key in moved]}, len(moved)))
    return parts


def hold_moves(draft: Draft) -> list[Part]:
    captured, released = draft.resolved()
    if not captured + released:
        return []
    hold = {"captured": captured, "released": released, "at": draft.at}
    demands, slices = draft.demand_changes(), draft.slice_changes()
    return [
        Part("held", RESOLVE_HOLD, hold, 1),
        Part("demands", RESOLVE_DEMANDS, resolved("demand", demands), len(demands)),
        Part("slices", RESOLVE_SLICES, resolved("slice", slices), len(slices)),
    ]


def resolved(what: str, changes: Mapping[int, Sequence[int]]) -> dict[str, object]:
    ids = sorted(changes)
    return {
        f"{what}_ids": ids,
        f"{what}s_captured": [changes[key][0] for key in ids],
        f"{what}s_released": [changes[key][1] for key in ids],
    }


def recording(draft: Draft, result: Mapping[str, object]) -> list[Part]:
    values = {
        **{name: getattr(draft, name) for name in COLUMNS},
        "actor_id": draft.actor.id,
        "actor_name": draft.actor.name,
        "subject_kind": draft.subject.kind if draft.subject else None,
        "subject_id": draft.subject.id if draft.subject else None,
        "result": Jsonb(result),
    }
    record = RECORD_CAPTURE if draft.kind == "capture" else RECORD_MOVE
    parts = [Part("recorded", record, values)]
    if draft.entries:
        names = ("sources", "targets", "credits", "lists")
        columns = dict(zip(names, map(list, zip(*draft.entries, strict=True)), strict=True))
        parts.append(Part("entries", RECORD_ENTRIES, columns))
    if draft.lines:
        names = ("line_lots", "line_sources", "line_targets", "line_credits")
        columns = dict(zip(names, map(list, zip(*draft.lines, strict=True)), strict=True))
        parts.append(Part("lines", RECORD_LINES, columns))
    return parts


COLUMNS = (
    "platform_id",
    "kind",
    "at",
    "recorded_at",
    "on_day",
    "hold_id",
    "reason",
    "burn_order",
    "key",
    "request",
)


def extras(draft: Draft) -> list[Statement]:
    statements: list[Statement] = []
    if draft.renewals:
        values = {
            "platform_id": draft.platform_id,
            "lots": [renewal.lot_id for renewal in draft.renewals],
            "before": [renewal.expires_on_before for renewal in draft.renewals],
            "after": [renewal.expires_on for renewal in draft.renewals],
        }
        statements.append((RECORD_RENEWALS, values))
    if draft.access:
        access = {"lists": list(draft.access), "limited": list(draft.access.values())}
        statements.append((RECORD_ACCESS, {"platform_id": draft.platform_id, **access}))
    return statements
