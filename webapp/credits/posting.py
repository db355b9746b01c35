"""Writes a draft: the transaction with its entries and lines, and one update of each balance it moves.

Every balance is guarded again in its UPDATE's own WHERE; a guard that does not hold is a defect of the
planning before it, never something a person did.
"""

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from webapp.credits.draft import Draft
from webapp.credits.wire import Row, Statement, Wire


class LedgerDefect(AssertionError):
    """A balance was not what the plan had read under its lock. Nothing was written."""


MOVE_POOL = """
UPDATE credit_pool
SET unassigned = unassigned + %(unassigned)s::bigint, assigned = assigned + %(assigned)s::bigint,
    received = received + %(received)s::bigint, moved_at = greatest(moved_at, %(at)s::timestamptz)
WHERE platform_id = %(platform_id)s AND unassigned + %(unassigned)s::bigint >= 0
  AND assigned + %(assigned)s::bigint >= 0
RETURNING 1
"""
MOVE_LISTS = """
UPDATE list_balance AS balance SET assigned = assigned + change.credits
FROM unnest(%(ids)s::bigint[], %(credits)s::bigint[]) AS change (id, credits)
WHERE balance.platform_id = %(platform_id)s AND balance.list_id = change.id AND balance.limited
  AND balance.assigned + change.credits >= 0
RETURNING 1
"""
MOVE_LOTS = """
UPDATE lot SET credits_left = credits_left + change.credits
FROM unnest(%(ids)s::bigint[], %(credits)s::bigint[]) AS change (id, credits)
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
FROM unnest(%(ids)s::bigint[], %(captured)s::bigint[], %(released)s::bigint[])
     AS change (id, captured, released)
WHERE demand.hold_id = %(hold_id)s AND demand.list_key = change.id
RETURNING 1
"""
RESOLVE_SLICES = """
UPDATE hold_slice AS slice
SET captured = slice.captured + change.captured, released = slice.released + change.released
FROM unnest(%(ids)s::bigint[], %(captured)s::bigint[], %(released)s::bigint[])
     AS change (id, captured, released)
WHERE slice.hold_id = %(hold_id)s AND slice.lot_id = change.id
RETURNING 1
"""
RECORD = """
WITH recorded AS (
    INSERT INTO ledger_transaction (platform_id, kind, at, recorded_at, on_day, actor_id, actor_name,
        subject_kind, subject_id, hold_id, reason, burn_order, available_after, key, request, result)
    VALUES (%(platform_id)s, %(kind)s, %(at)s, %(recorded_at)s, %(on_day)s, %(actor_id)s, %(actor_name)s,
        %(subject_kind)s, %(subject_id)s, %(hold_id)s, %(reason)s, %(burn_order)s,
        {available_after}, %(key)s, %(request)s, %(result)s)
    RETURNING id
), entries AS (
    INSERT INTO ledger_entry (platform_id, transaction_id, position, source, target, credits, list_id,
                              hold_id)
    SELECT %(platform_id)s, recorded.id, entry.position, entry.source, entry.target, entry.credits,
           entry.list_id, entry.hold_id
    FROM recorded, unnest(%(sources)s::text[], %(targets)s::text[], %(credits)s::bigint[],
                          %(lists)s::bigint[], %(holds)s::bigint[]) WITH ORDINALITY
                   AS entry (source, target, credits, list_id, hold_id, position)
), lines AS (
    INSERT INTO lot_line (platform_id, transaction_id, position, lot_id, source, target, credits, hold_id)
    SELECT %(platform_id)s, recorded.id, line.position, line.lot_id, line.source, line.target, line.credits,
           line.hold_id
    FROM recorded, unnest(%(line_lots)s::bigint[], %(line_sources)s::text[], %(line_targets)s::text[],
                          %(line_credits)s::bigint[], %(line_holds)s::bigint[]) WITH ORDINALITY
                   AS line (lot_id, source, target, credits, hold_id, position)
)
SELECT id FROM recorded
"""
RECORD_CAPTURE = RECORD.format(available_after="NULL")
RECORD_MOVE = RECORD.format(
    available_after="(SELECT unassigned + assigned FROM credit_pool WHERE platform_id = %(platform_id)s)"
)
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
    wire: Wire,
    draft: Draft,
    result: Mapping[str, object],
    *others: Statement,
    first: Sequence[Statement] = (),
) -> int:
    """Writes the draft in one round trip, between `first` and `others`; the answer is the transaction's id.

    `others` may use `currval('ledger_transaction_id_seq')`.
    """
    guarded = [*((statement, 0) for statement in first), *pool_moves(draft), *hold_moves(draft)]
    statements = [statement for statement, _ in guarded]
    answers = wire.ask_all(*statements, recording(draft, result), *extras(draft), *others)
    for (sql, _), rows, expected in zip(statements, answers, (count for _, count in guarded), strict=False):
        if len(rows) != expected:
            raise LedgerDefect(f"{len(rows)} of {expected} balances could be moved by {sql}")
    recorded: Sequence[Row] = answers[len(statements)]
    return int(recorded[0][0])


def pool_moves(draft: Draft) -> list[tuple[Statement, int]]:
    """Each with how many rows it must change: the pool first, lists by id, lots by id."""
    if draft.kind == "capture":
        return []
    lists, lots = draft.list_changes(), draft.lot_changes()
    pool = {
        "platform_id": draft.platform_id,
        "unassigned": draft.unassigned_change(),
        "assigned": sum(lists.values()),
        "received": draft.received(),
        "at": draft.at,
    }
    moves: list[tuple[Statement, int]] = [((MOVE_POOL, pool), 1)]
    for sql, changes in ((MOVE_LISTS, lists), (MOVE_LOTS, lots)):
        ids = sorted(key for key, change in changes.items() if change)
        values = {"platform_id": draft.platform_id, "ids": ids, "credits": [changes[key] for key in ids]}
        moves += [((sql, values), len(ids))] if ids else []
    return moves


def hold_moves(draft: Draft) -> list[tuple[Statement, int]]:
    captured, released = draft.resolved()
    if not captured + released:
        return []
    of = {"platform_id": draft.platform_id, "hold_id": draft.hold_id}
    moves: list[tuple[Statement, int]] = [
        ((RESOLVE_HOLD, {**of, "captured": captured, "released": released, "at": draft.at}), 1)
    ]
    for sql, changes in ((RESOLVE_DEMANDS, draft.demand_changes()), (RESOLVE_SLICES, draft.slice_changes())):
        ids = sorted(changes)
        parts = {"captured": [changes[key][0] for key in ids], "released": [changes[key][1] for key in ids]}
        moves.append(((sql, {**of, "ids": ids, **parts}), len(ids)))
    return moves


def recording(draft: Draft, result: Mapping[str, object]) -> Statement:
    entries, lines = draft.entries, draft.lines
    values = {
        **{name: getattr(draft, name) for name in COLUMNS},
        "actor_id": draft.actor.id,
        "actor_name": draft.actor.name,
        "subject_kind": draft.subject.kind if draft.subject else None,
        "subject_id": draft.subject.id if draft.subject else None,
        "result": Jsonb(result),
        "sources": [entry.source for entry in entries],
        "targets": [entry.target for entry in entries],
        "credits": [entry.credits for entry in entries],
        "lists": [entry.list_id for entry in entries],
        "holds": [entry.hold_id for entry in entries],
        "line_lots": [line.lot_id for line in lines],
        "line_sources": [line.source for line in lines],
        "line_targets": [line.target for line in lines],
        "line_credits": [line.credits for line in lines],
        "line_holds": [line.hold_id for line in lines],
    }
    return RECORD_CAPTURE if draft.kind == "capture" else RECORD_MOVE, values


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
