"""Held credits let go, and holds swapped (R12): back to the same lots and lists, never with new life."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from webapp.credits import slicing
from webapp.credits.apportionment import take_expired_of
from webapp.credits.draft import Draft
from webapp.credits.errors import BadRequest, HoldAlreadyResolved
from webapp.credits.held import OpenHold, lock_balances, open_hold
from webapp.credits.holding import NEXT_HOLD, merged, request_of, write_hold
from webapp.credits.operation import Opened, balances, instant_of, reason_of, request, state_of
from webapp.credits.posting import post
from webapp.credits.quantities import credits_of, identifier_of, total_of
from webapp.credits.terms import SYSTEM, Actor, Demand, Held, Released
from webapp.credits.turns import each_in_turn
from webapp.credits.wire import unit

UNRESOLVED_FOR = timedelta(days=7)
UNRESOLVED = "SELECT id FROM hold WHERE open AND send_at <= %(until)s ORDER BY platform_id, id"


def release(
    hold_id: int,
    credits: Mapping[int | None, int] | None,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    key: str,
) -> Released:
    """Lets go of some of a hold, by list, or of all the rest (None).

    Raises `HoldAlreadyResolved`, `HoldExceeded`, `BadQuantity`, `BadRequest`, `IdempotencyConflict`,
    `NotFound`.
    """
    wanted, now, reason = checked(credits), instant_of(now), reason_of(reason)
    facts = sorted(wanted.items(), key=lambda item: item[0] or 0) if wanted else None
    asked = request(key, "release", identifier_of(hold_id, "hold"), facts, reason)
    with unit() as wire:
        opened, hold, _ = open_hold(wire, hold_id, asked, now)
        if opened.stored:
            return Released(**opened.stored)
        hold.check(wanted or {})
        lock_balances(opened)
        return write_release(opened, hold, wanted or hold.demands, reason, actor)


def checked(credits: Mapping[int | None, int] | None) -> dict[int | None, int] | None:
    if credits is None:
        return None
    wanted = {
        None if list_id is None else identifier_of(list_id, "list"): credits_of(amount)
        for list_id, amount in credits.items()
    }
    if not wanted:
        raise BadRequest("Name what to release, or None for all the rest.")
    total_of(wanted.values())
    return wanted


def write_release(
    opened: Opened,
    hold: OpenHold,
    wanted: Mapping[int | None, int],
    reason: str,
    actor: Actor,
    *,
    keyed: bool = True,
) -> Released:
    """Slices in reverse burn order; what came from lots that have expired meanwhile expires at once."""
    draft = opened.draft("release", actor, subject=hold.subject, hold_id=hold.id, reason=reason)
    if not keyed:
        draft = replace(draft, key=None, request=None)
    credits = sum(wanted.values())
    slices = hold.in_burn_order(opened.state)[::-1]
    taken = slicing.take(credits, [(lot.id, lot.credits_left) for lot in slices])
    dead = {lot.id: taken[lot.id] for lot in slices if lot.id in taken and not lot.valid_at(opened.at)}
    draft.move_lots("held", "expired", dead)
    draft.move_lots("held", "left", {lot: n for lot, n in taken.items() if lot not in dead})
    give_back(draft, opened, wanted, sum(dead.values()))
    result = {"hold_id": hold.id, "credits": credits, "expired": sum(dead.values())}
    return Released(post(opened.wire, draft, result), hold.id, credits, sum(dead.values()))


def give_back(draft: Draft, opened: Opened, wanted: Mapping[int | None, int], expired: int) -> None:
    """To each list that is limited now, else to the unassigned, less what expired.

    Who bears that is told as for every expiry (R10), among what is released here: what would go to the
    unassigned first, the remainder in proportion to what would go to the lists.
    """
    off = take_expired_of(expired, wanted, opened.state.limited)
    for list_id, credits in wanted.items():
        dead = off.get(list_id, 0)
        target = "list" if list_id in opened.state.limited else "unassigned"
        draft.move("hold", target, credits - dead, list_id=list_id)
        draft.move("hold", "expired", dead, list_id=list_id)


def reschedule(
    hold_id: int, demands: Sequence[Demand], *, send_at: datetime, actor: Actor, now: datetime, key: str
) -> Held:
    """Swaps a hold for one priced anew, for the same subject, or changes nothing.

    What the old one has left counts as available for the new one. Raises what `place_hold` raises, and
    `HoldAlreadyResolved`.
    """
    wanted, now, send_at = merged(demands), instant_of(now), instant_of(send_at, "send_at")
    asked = request_of(key, "reschedule", identifier_of(hold_id, "hold"), wanted, send_at)
    with unit() as wire:
        opened, hold, _ = open_hold(wire, hold_id, asked, now)
        if opened.stored:
            return Held(**opened.stored)
        hold.check({})
        lock_balances(opened)
        write_release(opened, hold, hold.demands, "rescheduled", actor, keyed=False)
        *rows, [[next_id]] = wire.ask_all(*balances(opened.state.platform_id, None), NEXT_HOLD)
        opened.state = state_of(*rows)
        return write_hold(opened, next_id, wanted, send_at, hold.subject, hold.label, actor)


def release_unresolved(*, now: datetime) -> tuple[Released, ...]:
    """Releases what is still held 7 days after its send time, each hold in a transaction of its own (R12).

    What is wrong with one hold keeps no other from its release; it is raised when all had their turn.
    """
    with unit() as wire:
        holds = [row[0] for row in wire.ask(UNRESOLVED, until=instant_of(now) - UNRESOLVED_FOR)]
    reason = "unresolved 7 days after the send time"

    def let_go(hold_id: int) -> Released | None:
        try:
            return release(hold_id, None, reason=reason, actor=SYSTEM, now=now, key=f"unresolved:{hold_id}")
        except HoldAlreadyResolved:
            return None  # somebody was faster

    return tuple(released for released in each_in_turn(holds, let_go) if released)
