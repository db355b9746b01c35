"""What every write begins with: its key, the locks in their order, the balances, and what is due.

Lock order: idempotency key, hold, pool. The pool's row stands for the lists and lots of its platform, so
nothing else of them needs a lock; a capture locks its hold only, which stands for its key as well. A new
hold is planned without the pool's lock and takes it when it is written (`holding.py`).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from webapp.credits.draft import Draft
from webapp.credits.errors import BadRequest, IdempotencyConflict, NotFound
from webapp.credits.posting import Overtaken, post
from webapp.credits.state import Due, LotState, PlatformState
from webapp.credits.terms import SYSTEM, Actor, Expired
from webapp.credits.wire import Row, Statement, Wire

KEY_MOST_CHARACTERS = 255

LOCK_KEY = "SELECT pg_advisory_xact_lock(%(lock)s)"
STORED = """
SELECT id, kind, request, result, hold_id FROM ledger_transaction
WHERE platform_id = %(platform_id)s AND key = %(key)s
"""
POOL = """
SELECT pool.platform_id, pool.unassigned, pool.assigned, pool.received, pool.moved_at, pool.turn,
       platform.burn_order, platform.time_zone
FROM credit_pool AS pool JOIN platform ON platform.id = pool.platform_id
WHERE pool.platform_id = %(platform_id)s
"""
LOCK_POOL = POOL + " FOR NO KEY UPDATE OF pool"
OPEN_LOTS = """
SELECT id, kind, credits_left, expires_on, expires_at FROM lot
WHERE platform_id = %(platform_id)s AND open ORDER BY id
"""
LIMITED_LISTS = """
SELECT list_id, assigned FROM list_balance WHERE platform_id = %(platform_id)s AND limited ORDER BY list_id
"""
SOME_LIMITED_LISTS = """
SELECT list_id, assigned FROM list_balance
WHERE platform_id = %(platform_id)s AND limited AND list_id = ANY (%(list_ids)s::bigint[])
"""


@dataclass(frozen=True)
class Request:
    """An operation asked for: what makes two calls with one key the same one. Instants and actors do not."""

    key: str
    name: str
    facts: tuple[object, ...]

    @property
    def digest(self) -> bytes:
        text = json.dumps([self.name, *self.facts], default=plain, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()

    @property
    def lock(self) -> int:
        return int.from_bytes(hashlib.blake2b(self.key.encode(), digest_size=8).digest(), signed=True)


def plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} is no part of a request")


def request(key: object, name: str, *facts: object) -> Request:
    """Checks the key: 1 to 255 printable characters. Raises `BadRequest`."""
    if not isinstance(key, str) or not 1 <= len(key) <= KEY_MOST_CHARACTERS or not key.isprintable():
        raise BadRequest("An idempotency key is 1 to 255 printable characters.")
    return Request(key, name, facts)


def instant_of(value: object, what: str = "now") -> datetime:
    """The value as an aware instant. Raises `BadRequest`."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadRequest(f"{what} must be an instant with a time zone.")
    return value


def reason_of(value: object) -> str:
    """A reason that says something. Raises `BadRequest`."""
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("Give a reason.")
    return value.strip()


@dataclass
class Opened:
    """The beginning of an operation: its state under lock, or what its key stored before."""

    wire: Wire
    request: Request
    now: datetime
    state: PlatformState
    stored: dict[str, Any] | None = None
    others: list[list[Row]] = field(default_factory=list)
    locked: bool = True

    @property
    def at(self) -> datetime:
        """The instant it counts from: now, but never before what the platform already did."""
        return max(self.now, self.state.moved_at)

    def draft(self, kind: str, actor: Actor, **facts: Any) -> Draft:
        return Draft(
            platform_id=self.state.platform_id,
            kind=kind,
            at=self.at,
            recorded_at=self.now,
            actor=actor,
            burn_order=self.state.burn_order,
            key=self.request.key,
            request=self.request.digest,
            turn=None if self.locked else self.state.turn,
            **facts,
        )


def open_platform(
    wire: Wire,
    platform_id: int,
    asked: Request,
    now: datetime,
    list_ids: Iterable[int] | None = None,
    others: Iterable[Statement] = (),
    *,
    lock: bool = True,
) -> Opened:
    """Locks the key and the pool, reads the balances and expires what is due.

    Without `lock` the balances may be old when they are written to, which the drafts then guard against;
    where something is due `Overtaken` is raised.

    `list_ids` narrows the limited lists to read; None reads all. The rows of `others`, asked in the same
    round trip, are in the answer. Raises `NotFound`, `IdempotencyConflict`.
    """
    of = {"platform_id": platform_id, "key": asked.key}
    _, stored, pool, lots, limited, *rest = wire.ask_all(
        (LOCK_KEY, {"lock": asked.lock}), (STORED, of), *balances(platform_id, list_ids, lock=lock), *others
    )
    opened = Opened(wire, asked, now, state_of(pool, lots, limited), replay(stored, asked), rest, lock)
    if opened.stored is None:
        if not lock and opened.state.due_instants(opened.at):
            raise Overtaken
        expire_first(opened, complete=list_ids is None)
    return opened


def balances(platform_id: int, list_ids: Iterable[int] | None, *, lock: bool = False) -> list[Statement]:
    """The statements whose rows `state_of` reads. The lots' snapshot is taken when the lock is held."""
    of = {"platform_id": platform_id}
    some = (
        (SOME_LIMITED_LISTS, {**of, "list_ids": sorted(list_ids)})
        if list_ids is not None
        else (LIMITED_LISTS, of)
    )
    return [(LOCK_POOL if lock else POOL, of), (OPEN_LOTS, of), some]


def state_of(pool: list[Row], lots: list[Row], limited: list[Row]) -> PlatformState:
    """The state from the rows of `balances`. Raises `NotFound`."""
    if not pool:
        raise NotFound("There is no such platform.")
    state = PlatformState(*pool[0])
    state.lots = {row[0]: LotState(*row) for row in lots}
    state.limited = dict(limited)
    return state


def replay(stored: list[Row], asked: Request) -> dict[str, Any] | None:
    """What the key stored before, or None. Raises `IdempotencyConflict` when it was another request."""
    if not stored:
        return None
    transaction_id, _, digest, result, _ = stored[0]
    if bytes(digest) != asked.digest:
        raise IdempotencyConflict(asked.key)
    return {**result, "transaction_id": transaction_id, "replayed": True}


def expire_first(opened: Opened, *, complete: bool) -> list[Expired]:
    """Expires what is due before anything else happens, each instant as a transaction of its own."""
    state = opened.state
    if not state.due_instants(opened.at):
        return []
    if not complete:
        rows = opened.wire.ask(LIMITED_LISTS, platform_id=state.platform_id)
        state.limited = dict(rows)
    return [record_expiry(opened, due) for due in state.expire(opened.at)]


def record_expiry(opened: Opened, due: Due) -> Expired:
    """Counts from the midnight it fell due, however late this is."""
    blank = replace(opened.draft("expire", SYSTEM), key=None, request=None)
    draft = replace(blank, at=max(due.at, opened.state.moved_at))
    draft.move("unassigned", "expired", due.unassigned)
    for list_id, credits in due.lists.items():
        draft.move("list", "expired", credits, list_id=list_id)
    draft.move_lots("left", "expired", due.lots)
    transaction_id = post(opened.wire, draft, {})
    opened.state.moved_at = draft.at
    return Expired(
        transaction_id, draft.platform_id, draft.at, due.credits, due.unassigned, due.lists, due.lots
    )
