"""Credits set aside for messages to come (R11): exact, all or nothing, from lots valid at the send time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from webapp.credits import slicing
from webapp.credits.errors import (
    BadRequest,
    CreditsExpireBefore,
    ExpiringCredits,
    InsufficientCredits,
    NotFound,
    Shortfall,
)
from webapp.credits.operation import Opened, Request, instant_of, open_platform, request
from webapp.credits.posting import Overtaken, Part, post
from webapp.credits.quantities import credits_of, identifier_of, total_of
from webapp.credits.state import PlatformState
from webapp.credits.terms import Actor, Demand, Held, Subject
from webapp.credits.wire import Statement, unit
from webapp.errors import Refused

NEXT_HOLD: Statement = ("SELECT nextval('hold_id_seq')", {})
INSERT_HOLD = """
INSERT INTO hold (id, platform_id, credits, send_at, subject_kind, subject_id, label, placed_at, moved_at)
SELECT %(hold_id)s::bigint, %(platform_id)s::bigint, %(held)s::bigint, %(send_at)s::timestamptz,
       %(subject_kind)s, %(subject_id)s::bigint, %(reason)s, pool.moved_at, pool.moved_at
FROM pool
RETURNING 1
"""
INSERT_DEMANDS = """
INSERT INTO hold_demand (platform_id, hold_id, list_key, list_id, position, funding, credits)
SELECT %(platform_id)s::bigint, %(hold_id)s::bigint, coalesce(list_id, 0), list_id, demand.position,
       CASE source WHEN 'list' THEN 'assigned' ELSE source END, demand.credits
FROM pool, unnest(%(sources)s::text[], %(credits)s::bigint[], %(lists)s::bigint[]) WITH ORDINALITY
     AS demand (source, credits, list_id, position)
"""
INSERT_SLICES = """
INSERT INTO hold_slice (platform_id, hold_id, lot_id, credits)
SELECT %(platform_id)s::bigint, %(hold_id)s::bigint, slice.*
FROM pool, unnest(%(line_lots)s::bigint[], %(line_credits)s::bigint[]) AS slice
"""


def place_hold(
    platform_id: int,
    demands: Sequence[Demand],
    *,
    send_at: datetime,
    subject: Subject,
    label: str,
    actor: Actor,
    now: datetime,
    key: str,
) -> Held:
    """Holds what each list needs from its own funding, in the order the lists were chosen.

    The label is a part of the request like all the rest: another one under the same key is refused. So
    whoever builds it from a name that people change, or from translated words, keeps what it was, or commits
    the hold together with what says that it is placed, as `campaigns` does: then nobody asks again.

    Raises `InsufficientCredits` with the shortfall per list, `CreditsExpireBefore`, `BadQuantity`,
    `BadRequest`, `IdempotencyConflict`, `NotFound`.
    """
    wanted = merged(demands)
    now, send_at = instant_of(now), instant_of(send_at, "send_at")
    about = (subject.kind, subject.id, label)
    asked = request_of(key, "hold", identifier_of(platform_id, "platform"), wanted, send_at, about)

    def place(*, lock: bool) -> Held:
        with unit() as wire:
            lists = [list_id for list_id in wanted if list_id]
            opened = open_platform(wire, platform_id, asked, now, lists, [NEXT_HOLD], lock=lock)
            if opened.stored:
                return Held(**opened.stored)
            hold_id = opened.others[0][0][0]
            return write_hold(opened, hold_id, wanted, send_at, subject, label, actor)

    # Holds are what platforms do most, so the pool is not locked while one is planned. The plan holds if the
    # pool's `turn` is the same when it is written: other holds only take, and the guards see to that.
    try:
        return place(lock=False)
    except (Refused, Overtaken):
        return place(lock=True)


def merged(demands: Sequence[Demand]) -> dict[int | None, int]:
    """What each list needs, in the order of their first demand. Raises `BadQuantity`, `BadRequest`."""
    wanted: dict[int | None, int] = {}
    for demand in demands:
        list_id = None if demand.list_id is None else identifier_of(demand.list_id, "list")
        wanted[list_id] = wanted.get(list_id, 0) + credits_of(demand.credits)
    if not wanted:
        raise BadRequest("A hold needs at least one demand.")
    total_of(wanted.values())
    return wanted


def request_of(
    key: str, name: str, of: int, wanted: dict[int | None, int], send_at: datetime, about: object = None
) -> Request:
    return request(key, name, of, list(wanted.items()), send_at.timestamp(), about)


def write_hold(
    opened: Opened,
    hold_id: int,
    wanted: dict[int | None, int],
    send_at: datetime,
    subject: Subject,
    label: str,
    actor: Actor,
) -> Held:
    check_funds(opened.state, wanted)
    credits = sum(wanted.values())
    draft = opened.draft("hold", actor, subject=subject, hold_id=hold_id, reason=label)
    for list_id, needed in wanted.items():
        source = "list" if list_id in opened.state.limited else "unassigned"
        draft.move(source, "hold", needed, list_id=list_id)
    draft.move_lots("left", "held", slices_of(opened, credits, send_at))
    result = {"hold_id": hold_id, "credits": credits}
    try:
        transaction_id = post(opened.wire, draft, result, beside=hold_parts(credits, send_at))
    except IntegrityError as error:
        if "recipient_list" in str(error.orig):
            raise NotFound("There is no such list on this platform.") from error
        raise
    return Held(transaction_id, hold_id, credits)


def check_funds(state: PlatformState, wanted: dict[int | None, int]) -> None:
    """Each limited list from its own, the free ones together from the unassigned, the later-chosen last.

    Raises `InsufficientCredits`.
    """
    shared, shortfalls, available = state.unassigned, [], 0
    for list_id, needed in wanted.items():
        limited = list_id is not None and list_id in state.limited
        there = state.limited[list_id] if limited and list_id is not None else shared
        if needed > there:
            shortfalls.append(Shortfall(list_id, needed, there))
        available += min(needed, there)
        if not limited:
            shared -= min(needed, there)
    if shortfalls:
        raise InsufficientCredits(shortfalls, needed=sum(wanted.values()), available=available)


def slices_of(opened: Opened, credits: int, send_at: datetime) -> dict[int, int]:
    """How much of which lot is held, in burn order, only lots that outlive the send time.

    Raises `CreditsExpireBefore`.
    """
    instant = max(send_at, opened.at)
    lots = opened.state.usable(instant)
    try:
        return slicing.take(credits, [(lot.id, lot.credits_left) for lot in lots])
    except slicing.TooLittle as short:
        expiring = [
            ExpiringCredits(lot.id, lot.credits_left, lot.expires_on)
            for lot in opened.state.usable(opened.at)
            if not lot.valid_at(instant)
        ]
        raise CreditsExpireBefore(
            send_at, needed=credits, usable=credits - short.missing, expiring=expiring
        ) from None


def hold_parts(credits: int, send_at: datetime) -> list[Part]:
    """The hold itself; its demands and slices are the entries and lines that are recorded with it."""
    return [
        Part("placed", INSERT_HOLD, {"held": credits, "send_at": send_at}, 1),
        Part("demands", INSERT_DEMANDS, {}),
        Part("slices", INSERT_SLICES, {}),
    ]
