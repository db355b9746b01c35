"""What a platform has: the widget, the assign page, the API, and the funding of quotes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from webapp.credits.apportionment import take_expired_of
from webapp.credits.errors import NotFound
from webapp.credits.expiry import last_usable_day
from webapp.credits.held import OPEN_PARTS, parts_of
from webapp.credits.history import past
from webapp.credits.operation import balances, instant_of, state_of
from webapp.credits.state import LotState, PlatformState
from webapp.credits.terms import (
    Balance,
    Funding,
    HoldBalance,
    ListBalance,
    LotBalance,
    NextExpiry,
    Subject,
)
from webapp.credits.wire import Row, Statement, reading

OPEN_HOLDS = """
SELECT id, label, subject_kind, subject_id, credits - captured - released, send_at FROM hold
WHERE platform_id = %(platform_id)s AND open ORDER BY send_at, id
"""
OWN_HOLD = "SELECT id FROM hold WHERE platform_id = %(platform_id)s AND id = %(hold_id)s"
HELD_OF_LISTS = """
SELECT demand.list_id, sum(demand.credits - demand.captured - demand.released)::bigint
FROM hold JOIN hold_demand AS demand ON demand.hold_id = hold.id
WHERE hold.platform_id = %(platform_id)s AND hold.open AND demand.list_id IS NOT NULL
GROUP BY demand.list_id
"""
HELD_OF_LOTS = """
SELECT lot.id, lot.kind, lot.expires_on, lot.expires_at,
       sum(slice.credits - slice.captured - slice.released)::bigint
FROM hold JOIN hold_slice AS slice ON slice.hold_id = hold.id JOIN lot ON lot.id = slice.lot_id
WHERE hold.platform_id = %(platform_id)s AND hold.open AND slice.captured + slice.released < slice.credits
GROUP BY lot.id
"""
LISTS = "SELECT id FROM recipient_list WHERE platform_id = %(platform_id)s AND deleted_at IS NULL ORDER BY id"


def balance(platform_id: int, *, now: datetime, at: datetime | None = None) -> Balance:
    """The platform's credits now or at a past instant, as if everything due by then had expired.

    Raises `NotFound`.
    """
    now = instant_of(now)
    if at is not None and instant_of(at, "at") < now:
        return past_balance(platform_id, at)
    with reading() as wire:
        of = {"platform_id": platform_id}
        pool, lots, limited, holds, held_lists, held_lots, lists = wire.ask_all(
            *balances(platform_id, None),
            (OPEN_HOLDS, of),
            (HELD_OF_LISTS, of),
            (HELD_OF_LOTS, of),
            (LISTS, of),
        )
    state = state_of(pool, lots, limited)
    state.expire(max(now, state.moved_at))
    return told(state, holds, dict(held_lists), held_lots, [row[0] for row in lists])


def past_balance(platform_id: int, at: datetime) -> Balance:
    with reading() as wire:
        then = past(wire, platform_id, at)
    if then is None:
        raise NotFound("There is no such platform.")
    then.state.expire(at)
    return told(then.state, then.holds, then.held_lists, then.held_lots, then.lists)


def told(
    state: PlatformState, holds: list[Row], held_lists: dict[int, int], held_lots: list[Row], lists: list[int]
) -> Balance:
    open_holds = tuple(
        HoldBalance(i, label, Subject(k, s), n, send_at) for i, label, k, s, n, send_at in holds
    )
    return Balance(
        available=state.available,
        held=sum(hold.credits for hold in open_holds),
        unassigned=state.unassigned,
        assigned=state.assigned,
        burn_order=state.burn_order,
        lists=list_balances(state, held_lists, lists),
        lots=lot_balances(state, held_lots),
        holds=open_holds,
        next_expiry=next_expiry(state),
    )


def list_balances(state: PlatformState, held: dict[int, int], lists: list[int]) -> tuple[ListBalance, ...]:
    """Every list there is, and any deleted one that still has something."""
    ids = sorted({*lists, *held, *(list_id for list_id, credits in state.limited.items() if credits)})
    return tuple(
        ListBalance(i, "limited" if i in state.limited else "free", state.limited.get(i, 0), held.get(i, 0))
        for i in ids
    )


def lot_balances(state: PlatformState, held: list[Row]) -> tuple[LotBalance, ...]:
    """The lots with something left or held, by id; an expired one appears for its held part only."""
    lots = {row[0]: LotBalance(row[0], row[1], 0, row[4], row[3], row[2]) for row in held}
    for lot in state.lots.values():
        if lot.credits_left:
            in_holds = lots[lot.id].held if lot.id in lots else 0
            lots[lot.id] = LotBalance(
                lot.id, lot.kind, lot.credits_left, in_holds, lot.expires_at, lot.expires_on
            )
    return tuple(lots[lot_id] for lot_id in sorted(lots))


def next_expiry(state: PlatformState) -> NextExpiry | None:
    """The first day on which available credits expire."""
    days: Counter[object] = Counter()
    dated = [lot for lot in state.lots.values() if lot.credits_left and lot.expires_on]
    for lot in dated:
        days[lot.expires_on] += lot.credits_left
    first = min((lot.expires_on for lot in dated if lot.expires_on), default=None)
    return NextExpiry(first, last_usable_day(first), days[first]) if first else None


def funding(
    platform_id: int,
    list_ids: Iterable[int],
    *,
    now: datetime,
    send_at: datetime,
    releasing: int | None = None,
) -> Funding:
    """What these lists may spend at the send time, for a quote. Raises `NotFound`.

    What the hold `releasing` still holds counts as given back, as rescheduling it would do first (R12).
    """
    now, send_at = instant_of(now), instant_of(send_at, "send_at")
    held: list[Statement] = []
    if releasing is not None:
        of = {"platform_id": platform_id, "hold_id": releasing}
        held = [(OWN_HOLD, of), (OPEN_PARTS, of)]
    with reading() as wire:
        pool, lots, limited, *parts = wire.ask_all(*balances(platform_id, None), *held)
    state = state_of(pool, lots, limited)
    at = max(now, state.moved_at)
    state.expire(at)
    if parts:
        if not parts[0]:
            raise NotFound("There is no such hold.", hold=releasing)
        give_back(state, *parts_of(parts[1]), at)
    usable = sum(lot.credits_left for lot in state.usable(max(send_at, at)))
    wanted = set(list_ids)
    spend = {list_id: credits for list_id, credits in state.limited.items() if list_id in wanted}
    return Funding(state.unassigned, spend, usable, state.available - usable)


def give_back(
    state: PlatformState, demands: Mapping[int | None, int], slices: Iterable[LotState], now: datetime
) -> None:
    """Adds what a hold has left to the state as a release would: to the same lots, less what has expired."""
    alive = [each for each in slices if each.valid_at(now)]
    for each in alive:
        state.lots.setdefault(each.id, replace(each, credits_left=0)).credits_left += each.credits_left
    expired = sum(demands.values()) - sum(each.credits_left for each in alive)
    off = take_expired_of(expired, demands, state.limited)
    for list_id, credits in demands.items():
        kept = credits - off.get(list_id, 0)
        if list_id in state.limited:
            state.limited[list_id] += kept
            state.assigned += kept
        else:
            state.unassigned += kept
