"""Credits come in, and an operator lowers them: grant, purchase with renewal, adjust (R4 to R7)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from webapp.credits.errors import BadRequest, InsufficientCredits, NotFound, Shortfall
from webapp.credits.expiry import expires_at, expiry_day, last_usable_day, renewed, rome_day
from webapp.credits.operation import (
    Opened,
    balances,
    instant_of,
    open_platform,
    reason_of,
    request,
    state_of,
)
from webapp.credits.posting import post
from webapp.credits.quantities import MOST_CREDITS, BadQuantity, credits_of, identifier_of
from webapp.credits.state import LotState
from webapp.credits.terms import (
    Actor,
    Adjusted,
    Granted,
    LotDates,
    Purchased,
    PurchasePreview,
    Renewal,
    Subject,
)
from webapp.credits.wire import Wire, reading, unit
from webapp.web.formats import credits as told
from webapp.web.words import gettext as _

NEXT_LOT = "SELECT nextval('lot_id_seq')"
INSERT_LOT = """
INSERT INTO lot (id, platform_id, kind, credits, credits_left, first_expires_on, expires_on, expires_at,
                 created_at)
VALUES (%(id)s, %(platform_id)s, %(kind)s, %(credits)s, %(credits)s, %(expires_on)s, %(expires_on)s,
        %(expires_at)s, %(at)s)
"""
RENEWABLE = """
SELECT lot.id, lot.kind, lot.credits_left, lot.expires_on, lot.expires_at,
       lot.credits_left + coalesce(sum(slice.credits - slice.captured - slice.released), 0)::bigint
FROM lot
LEFT JOIN (hold_slice AS slice JOIN hold ON hold.id = slice.hold_id AND hold.open) ON slice.lot_id = lot.id
WHERE lot.platform_id = %(platform_id)s
  AND lot.id IN (
      SELECT id FROM lot WHERE platform_id = %(platform_id)s AND open
      UNION
      SELECT lot_id FROM hold JOIN hold_slice ON hold_slice.hold_id = hold.id
      WHERE hold.platform_id = %(platform_id)s AND hold.open)
GROUP BY lot.id
ORDER BY lot.id
"""
RENEW = """
UPDATE lot SET expires_on = %(expires_on)s, expires_at = %(expires_at)s
WHERE id = ANY (%(ids)s::bigint[]) AND platform_id = %(platform_id)s
"""


def grant(
    platform_id: int,
    credits: int,
    *,
    expires_on: date | None,
    reason: str,
    actor: Actor,
    now: datetime,
    key: str,
) -> Granted:
    """Gives a platform credits, with an expiry day after today in Italy or with none; renews nothing (R7).

    Raises `BadQuantity`, `BadRequest`, `IdempotencyConflict`, `NotFound`.
    """
    credits, reason, now = credits_of(credits), reason_of(reason), instant_of(now)
    asked = request(key, "grant", identifier_of(platform_id, "platform"), credits, day_of(expires_on), reason)
    with unit() as wire:
        opened = open_platform(wire, platform_id, asked, now, ())
        if opened.stored:
            return Granted(**with_days(opened.stored))
        if expires_on is not None and expires_on <= rome_day(opened.at):
            raise BadRequest(
                _("The expiry day must be after today in Italy."), expires_on=expires_on.isoformat()
            )
        check_room(opened, credits)
        lot_id = add_lot(opened, "grant", credits, expires_on)
        draft = opened.draft("grant", actor, reason=reason)
        draft.move("granted", "unassigned", credits)
        draft.move_lots("origin", "left", {lot_id: credits})
        day = expires_on.isoformat() if expires_on else None
        transaction_id = post(wire, draft, {"lot_id": lot_id, "expires_on": day})
        return Granted(transaction_id, lot_id, expires_on)


def purchase(
    platform_id: int,
    credits: int,
    *,
    validity_months: int,
    subject: Subject,
    actor: Actor,
    now: datetime,
    key: str,
) -> Purchased:
    """Credits a package paid at `now`, and renews every unexpired lot that has an expiry (R4 to R6).

    Raises `BadQuantity`, `BadRequest`, `IdempotencyConflict`, `NotFound`.
    """
    credits, now = credits_of(credits), instant_of(now)
    about = (subject.kind, subject.id)
    asked = request(key, "purchase", identifier_of(platform_id, "platform"), credits, validity_months, about)
    until = validity_of(now, validity_months)
    with unit() as wire:
        opened = open_platform(wire, platform_id, asked, now, ())
        if opened.stored:
            return Purchased(**with_renewals(opened.stored))
        check_room(opened, credits)
        lots = [lot for lot, _ in renewable(wire, platform_id) if lot.valid_at(opened.at)]
        renewals = renewals_of(lots, until)
        renew(wire, platform_id, renewals, until)
        lot_id = add_lot(opened, "purchase", credits, until)
        draft = replace(opened.draft("purchase", actor, subject=subject), renewals=renewals)
        draft.move("purchased", "unassigned", credits)
        draft.move_lots("origin", "left", {lot_id: credits})
        transaction_id = post(wire, draft, purchase_result(lot_id, until, renewals))
        return Purchased(transaction_id, lot_id, until, renewals)


def preview_purchase(platform_id: int, *, validity_months: int, now: datetime) -> PurchasePreview:
    """What a purchase paid now would do to the expiry days; changes nothing. Raises `NotFound`."""
    until = validity_of(instant_of(now), validity_months)
    with reading() as wire:
        state = state_of(*wire.ask_all(*balances(platform_id, ())))
        at = max(now, state.moved_at)
        lots = [(lot, credits) for lot, credits in renewable(wire, platform_id) if lot.valid_at(at)]
    before = tuple(LotDates(lot.id, lot.kind, credits, lot.expires_on) for lot, credits in lots)
    after = tuple(replace(lot, expires_on=renewed(lot.expires_on, until)) for lot in before)
    return PurchasePreview(
        until, last_usable_day(until), before, after, renewals_of([lot for lot, _ in lots], until)
    )


def adjust(
    platform_id: int, lot_id: int, credits: int, *, reason: str, actor: Actor, now: datetime, key: str
) -> Adjusted:
    """Lowers one lot against the unassigned, never below zero (R7).

    Raises `InsufficientCredits`, `BadQuantity`, `BadRequest`, `IdempotencyConflict`, `NotFound`.
    """
    credits, reason, now = credits_of(credits), reason_of(reason), instant_of(now)
    facts = (identifier_of(platform_id, "platform"), identifier_of(lot_id, "lot"), credits, reason)
    with unit() as wire:
        opened = open_platform(wire, platform_id, request(key, "adjust", *facts), now, ())
        if opened.stored:
            return Adjusted(**opened.stored)
        left = lot_left(opened, lot_id)
        most = min(left, opened.state.unassigned)
        if credits > most:
            raise InsufficientCredits([Shortfall(None, credits, most)], needed=credits, available=most)
        draft = opened.draft("adjust", actor, reason=reason)
        draft.move("unassigned", "adjusted", credits)
        draft.move_lots("left", "adjusted", {lot_id: credits})
        transaction_id = post(wire, draft, {"lot_id": lot_id, "credits_left": left - credits})
        return Adjusted(transaction_id, lot_id, left - credits)


def lot_left(opened: Opened, lot_id: int) -> int:
    """What a lot of this platform has left. Raises `NotFound`."""
    if lot := opened.state.lots.get(lot_id):
        return lot.credits_left
    if not opened.wire.ask(
        "SELECT 1 FROM lot WHERE id = %(id)s AND platform_id = %(platform_id)s",
        id=lot_id,
        platform_id=opened.state.platform_id,
    ):
        raise NotFound("There is no such lot on this platform.", lot=lot_id)
    return 0


def check_room(opened: Opened, credits: int) -> None:
    """All a platform ever received stays an exact number, and with it every total. Raises `BadQuantity`."""
    if opened.state.received + credits > MOST_CREDITS:
        raise BadQuantity(
            _("A platform can receive at most %(most)s credits in all.", most=told(MOST_CREDITS)),
            quantity=credits,
            received=opened.state.received,
        )


def add_lot(opened: Opened, kind: str, credits: int, expires_on: date | None) -> int:
    [(lot_id,)] = opened.wire.ask(NEXT_LOT)
    opened.wire.ask(
        INSERT_LOT,
        id=lot_id,
        platform_id=opened.state.platform_id,
        kind=kind,
        credits=credits,
        expires_on=expires_on,
        expires_at=expires_at(expires_on) if expires_on else None,
        at=opened.at,
    )
    return int(lot_id)


def renewable(wire: Wire, platform_id: int) -> list[tuple[LotState, int]]:
    """Every lot with something left or held, and how much that is together."""
    return [(LotState(*row[:5]), row[5]) for row in wire.ask(RENEWABLE, platform_id=platform_id)]


def renewals_of(lots: Iterable[LotState], until: date) -> tuple[Renewal, ...]:
    """Which of these unexpired lots a purchase lasting until that day renews."""
    return tuple(
        Renewal(lot.id, lot.expires_on, until)
        for lot in lots
        if lot.expires_on is not None and renewed(lot.expires_on, until) != lot.expires_on
    )


def renew(wire: Wire, platform_id: int, renewals: tuple[Renewal, ...], until: date) -> None:
    if renewals:
        ids = [renewal.lot_id for renewal in renewals]
        wire.ask(RENEW, ids=ids, platform_id=platform_id, expires_on=until, expires_at=expires_at(until))


def day_of(value: object) -> date | None:
    """A calendar day, not an instant. Raises `BadRequest`."""
    if value is not None and type(value) is not date:
        raise BadRequest("The expiry day must be a day or nothing.")
    return value


def validity_of(now: datetime, months: int) -> date:
    try:
        return expiry_day(now, months)
    except (ValueError, OverflowError) as error:
        raise BadRequest("The validity must be 1 to 1,200 whole months.") from error


def purchase_result(lot_id: int, until: date, renewals: tuple[Renewal, ...]) -> dict[str, Any]:
    rows = [[r.lot_id, r.expires_on_before.isoformat(), r.expires_on.isoformat()] for r in renewals]
    return {"lot_id": lot_id, "expires_on": until.isoformat(), "renewals": rows}


def with_days(stored: dict[str, object]) -> dict[str, Any]:
    day = stored["expires_on"]
    return {**stored, "expires_on": date.fromisoformat(day) if isinstance(day, str) else None}


def with_renewals(stored: dict[str, object]) -> dict[str, Any]:
    rows = stored["renewals"]
    assert isinstance(rows, list)
    renewals = (
        Renewal(lot, date.fromisoformat(before), date.fromisoformat(after)) for lot, before, after in rows
    )
    return {**with_days(stored), "renewals": tuple(renewals)}
