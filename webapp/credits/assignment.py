"""Credits set aside for lists, and given back (R9): one list, several, or all of them at once."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from webapp.credits.errors import BadRequest, InsufficientCredits, NotFound, Shortfall
from webapp.credits.operation import Opened, Request, instant_of, open_platform, request
from webapp.credits.posting import post
from webapp.credits.quantities import credits_of, identifier_of, total_of
from webapp.credits.terms import Actor, Assigned
from webapp.credits.wire import unit

ALL = "all"
EXISTING = """
SELECT id FROM recipient_list
WHERE platform_id = %(platform_id)s AND id = ANY (%(ids)s::bigint[])
  AND (deleted_at IS NULL OR id = ANY (%(freed)s::bigint[]))
"""
SET_ACCESS = """
INSERT INTO list_balance (platform_id, list_id, limited)
SELECT %(platform_id)s, * FROM unnest(%(lists)s::bigint[], %(limited)s::bool[]) AS change (list_id, limited)
ORDER BY change.list_id
ON CONFLICT (platform_id, list_id) DO UPDATE SET limited = excluded.limited, assigned = list_balance.assigned
"""
EMPTY_LISTS = """
UPDATE list_balance SET limited = false
WHERE platform_id = %(platform_id)s AND list_id = ANY (%(lists)s::bigint[])
"""


def assign(
    platform_id: int, credits: Mapping[int, int], *, actor: Actor, now: datetime, key: str
) -> Assigned:
    """Makes each list limited with exactly these credits (0 is allowed), out of the unassigned.

    Raises `InsufficientCredits` with the shortfall per list, `BadQuantity`, `BadRequest`,
    `IdempotencyConflict`, `NotFound`.
    """
    wanted = {list_id: credits_of(amount, zero_allowed=True) for list_id, amount in credits.items()}
    return change_access(platform_id, wanted, actor, now, request_of(key, platform_id, wanted))


def free(
    platform_id: int, list_ids: Iterable[int] | None, *, actor: Actor, now: datetime, key: str
) -> Assigned:
    """Makes lists free (None: all); what they have returns to the unassigned.

    Raises `BadQuantity`, `BadRequest`, `IdempotencyConflict`, `NotFound`.
    """
    if list_ids is None:
        asked = request(key, "access", identifier_of(platform_id, "platform"), ALL)
        return change_access(platform_id, None, actor, now, asked)
    wanted: dict[int, int | None] = dict.fromkeys(list_ids)
    return change_access(platform_id, wanted, actor, now, request_of(key, platform_id, wanted))


def set_access(
    platform_id: int, access: Mapping[int, int | None], *, actor: Actor, now: datetime, key: str
) -> Assigned:
    """Changes several lists at once, all or nothing: limited with these credits, or free where None.

    Raises what `assign` raises.
    """
    wanted = {
        list_id: None if amount is None else credits_of(amount, zero_allowed=True)
        for list_id, amount in access.items()
    }
    return change_access(platform_id, wanted, actor, now, request_of(key, platform_id, wanted))


def request_of(key: str, platform_id: int, wanted: Mapping[int, int | None]) -> Request:
    facts = sorted((identifier_of(list_id, "list"), amount) for list_id, amount in wanted.items())
    if not facts:
        raise BadRequest("Name at least one list.")
    total_of(amount or 0 for _, amount in facts)
    return request(key, "access", identifier_of(platform_id, "platform"), facts)


def change_access(
    platform_id: int, wanted: Mapping[int, int | None] | None, actor: Actor, now: datetime, asked: Request
) -> Assigned:
    now = instant_of(now)
    with unit() as wire:
        opened = open_platform(wire, platform_id, asked, now, wanted)
        if opened.stored:
            return assigned_of(opened.stored)
        if wanted is None:
            wanted = dict.fromkeys(opened.state.limited)
        check_lists(opened, wanted)
        changes = changes_of(opened, wanted)
        unassigned = check_funds(opened, wanted, changes)
        return write_access(opened, wanted, changes, unassigned, actor)


def check_lists(opened: Opened, wanted: Mapping[int, int | None]) -> None:
    """Only lists of this platform, and none that is deleted may become limited. Raises `NotFound`."""
    freed = [list_id for list_id, amount in wanted.items() if amount is None]
    rows = opened.wire.ask(EXISTING, platform_id=opened.state.platform_id, ids=list(wanted), freed=freed)
    if missing := sorted(set(wanted) - {row[0] for row in rows}):
        raise NotFound("There is no such list on this platform.", lists=missing)


def changes_of(opened: Opened, wanted: Mapping[int, int | None]) -> dict[int, int]:
    """What each list gains (above zero) or returns."""
    return {
        list_id: (amount or 0) - opened.state.limited.get(list_id, 0) for list_id, amount in wanted.items()
    }


def check_funds(opened: Opened, wanted: Mapping[int, int | None], changes: Mapping[int, int]) -> int:
    """What is unassigned afterwards. Raises `InsufficientCredits`: the later lists are the short ones."""
    available = opened.state.unassigned - sum(change for change in changes.values() if change < 0)
    left, shortfalls = available, []
    for list_id, change in changes.items():
        if change > left:
            shortfalls.append(
                Shortfall(list_id, wanted[list_id] or 0, (wanted[list_id] or 0) - change + left)
            )
        left -= min(max(change, 0), left)
    if shortfalls:
        needed = sum(change for change in changes.values() if change > 0)
        raise InsufficientCredits(shortfalls, needed=needed, available=available)
    return left


def write_access(
    opened: Opened,
    wanted: Mapping[int, int | None],
    changes: Mapping[int, int],
    unassigned: int,
    actor: Actor,
) -> Assigned:
    """Lists that become limited do so before credits reach them, those that become free after they left."""
    limited = opened.state.limited
    access = {i: amount is not None for i, amount in wanted.items() if (amount is not None) != (i in limited)}
    draft = replace(opened.draft("assign", actor), access=dict(sorted(access.items())))
    for list_id, change in sorted(changes.items()):
        if change < 0:
            draft.move("list", "unassigned", -change, list_id=list_id)
        else:
            draft.move("unassigned", "list", change, list_id=list_id)
    of = {"platform_id": opened.state.platform_id}
    if newly := sorted(list_id for list_id, limits in access.items() if limits):
        opened.wire.ask(SET_ACCESS, **of, lists=newly, limited=[True] * len(newly))
    freed = sorted(list_id for list_id, limits in access.items() if not limits)
    after = [(EMPTY_LISTS, {**of, "lists": freed})] if freed else []
    moved = {list_id: change for list_id, change in sorted(changes.items()) if change}
    result = {"unassigned": unassigned, "changes": [list(change) for change in moved.items()]}
    return Assigned(post(opened.wire, draft, result, *after), unassigned, moved)


def assigned_of(stored: dict[str, object]) -> Assigned:
    changes = stored["changes"]
    assert isinstance(changes, list)
    return Assigned(**{**stored, "changes": dict(changes)})  # type: ignore[arg-type]
