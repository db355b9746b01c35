"""An open hold under its lock: its demands and slices, and the state a write on it begins with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from webapp.credits.errors import HoldAlreadyResolved, HoldExceeded, NotFound, Shortfall
from webapp.credits.operation import (
    Opened,
    Request,
    balances,
    expire_first,
    replay,
    state_of,
)
from webapp.credits.state import LotState, PlatformState, order
from webapp.credits.terms import Subject
from webapp.credits.wire import Row, Statement, Wire

STORED_OF_HOLD = """
SELECT id, kind, request, result, hold_id FROM ledger_transaction
WHERE platform_id = (SELECT platform_id FROM hold WHERE id = %(hold_id)s) AND key = %(key)s
"""
LOCK_HOLD = """
SELECT hold.platform_id, hold.credits - hold.captured - hold.released, hold.moved_at, hold.subject_kind,
       hold.subject_id, hold.label, hold.send_at, platform.burn_order, platform.time_zone
FROM hold JOIN platform ON platform.id = hold.platform_id
WHERE hold.id = %(hold_id)s
FOR NO KEY UPDATE OF hold
"""
# Demands have a position, slices none. One statement: what most of a small one costs is being one.
OPEN_PARTS = """
SELECT position, list_id, NULL, credits - captured - released, NULL, NULL FROM hold_demand
WHERE hold_id = %(hold_id)s AND captured + released < credits
UNION ALL
SELECT NULL, lot.id, lot.kind, slice.credits - slice.captured - slice.released, lot.expires_on, lot.expires_at
FROM hold_slice AS slice JOIN lot ON lot.id = slice.lot_id
WHERE slice.hold_id = %(hold_id)s AND slice.captured + slice.released < slice.credits
"""


@dataclass
class OpenHold:
    """What a hold still holds: by list, and by lot (their `credits_left` is what the slice has left)."""

    id: int
    credits: int
    subject: Subject
    label: str
    send_at: datetime
    demands: dict[int | None, int]
    slices: list[LotState]

    def check(self, wanted: dict[int | None, int]) -> None:
        """Raises `HoldAlreadyResolved` when nothing is left, `HoldExceeded` when too little of a list is."""
        if not self.credits:
            raise HoldAlreadyResolved(self.id)
        there = self.demands
        short = [Shortfall(i, n, there.get(i, 0)) for i, n in wanted.items() if n > there.get(i, 0)]
        if short:
            available = sum(min(n, there.get(i, 0)) for i, n in wanted.items())
            raise HoldExceeded(short, needed=sum(wanted.values()), available=available)

    def in_burn_order(self, state: PlatformState) -> list[LotState]:
        return order(self.slices, state.burn_order)


def open_hold(
    wire: Wire, hold_id: int, asked: Request, now: datetime, others: Iterable[Statement] = ()
) -> tuple[Opened, OpenHold, list[list[Row]]]:
    """Locks the hold; the answer has the rows of `others`, read under the lock, too.

    The state has no balances: nothing of the platform is locked. The key needs no lock of its own: whoever
    else asks the same waits for the hold, and a key of anything else is taken (`post`).
    Raises `NotFound`, `IdempotencyConflict`.
    """
    of = {"hold_id": hold_id, "key": asked.key}
    held, stored, parts, *rest = wire.ask_all(
        (LOCK_HOLD, of), (STORED_OF_HOLD, of), (OPEN_PARTS, of), *others
    )
    if not held:
        raise NotFound("There is no such hold.", hold=hold_id)
    platform_id, credits, moved_at, kind, subject_id, label, send_at, burn_order, time_zone = held[0]
    state = PlatformState(platform_id, 0, 0, 0, moved_at, 0, burn_order, time_zone)
    hold = OpenHold(hold_id, credits, Subject(kind, subject_id), label, send_at, *parts_of(parts))
    return Opened(wire, asked, now, state, replay(stored, asked)), hold, rest


def parts_of(rows: list[Row]) -> tuple[dict[int | None, int], list[LotState]]:
    """The demands, in their order, and the slices from the rows of `OPEN_PARTS`."""
    demands = {row[1]: row[3] for row in sorted(row for row in rows if row[0] is not None)}
    return demands, [LotState(*lot) for position, *lot in rows if position is None]


def lock_balances(opened: Opened) -> None:
    """Locks the pool as well, reads all balances and expires what is due."""
    held_at = opened.state.moved_at
    rows = opened.wire.ask_all(*balances(opened.state.platform_id, None, lock=True))
    opened.state = state_of(*rows)
    opened.state.moved_at = max(opened.state.moved_at, held_at)
    expire_first(opened, complete=True)
