"""Deducts what has reached its expiry day (R10). Every other write does so first; this is for the rest."""

from datetime import datetime

from webapp.credits.operation import (
    Opened,
    balances,
    expire_first,
    instant_of,
    request,
    state_of,
)
from webapp.credits.terms import Expired
from webapp.credits.turns import each_in_turn
from webapp.credits.wire import unit

PLATFORMS_WITH_DUE_LOTS = """
SELECT DISTINCT platform_id FROM lot
WHERE open AND expires_at <= %(now)s AND platform_id = coalesce(%(platform_id)s::bigint, platform_id)
ORDER BY platform_id
"""


def expire_due(*, now: datetime, platform_id: int | None = None) -> tuple[Expired, ...]:
    """Expires everything due, platform by platform, each in a transaction of its own; again does nothing.

    What is wrong with one platform keeps no other from expiring; it is raised when all had their turn.
    """
    now = instant_of(now)
    with unit() as wire:
        due = [row[0] for row in wire.ask(PLATFORMS_WITH_DUE_LOTS, now=now, platform_id=platform_id)]
    done = each_in_turn(due, lambda platform: expire_platform(platform, now))
    return tuple(expired for of_platform in done for expired in of_platform)


def expire_platform(platform_id: int, now: datetime) -> list[Expired]:
    with unit() as wire:
        state = state_of(*wire.ask_all(*balances(platform_id, None, lock=True)))
        return expire_first(Opened(wire, request("expire", "expire"), now, state), complete=True)
