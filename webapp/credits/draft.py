"""A ledger transaction before it is written: entries between accounts, and which lots gave or took."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from webapp.credits.burn_order import BurnOrder
from webapp.credits.terms import Actor, Renewal, Subject


class Entry(NamedTuple):
    """A positive amount from one account to another; `list_id` says for which list, if any."""

    source: str
    target: str
    credits: int
    list_id: int | None


class LotLine(NamedTuple):
    """A positive amount of one lot, from one state of its credits to another."""

    lot_id: int
    source: str
    target: str
    credits: int


@dataclass
class Draft:
    """What is to be recorded, in full; the balances follow from it (`posting.py`)."""

    platform_id: int
    kind: str
    at: datetime
    recorded_at: datetime
    actor: Actor
    burn_order: BurnOrder
    subject: Subject | None = None
    hold_id: int | None = None
    reason: str | None = None
    on_day: date | None = None
    key: str | None = None
    request: bytes | None = None
    turn: int | None = None  # the pool's, where the plan was made without its lock
    entries: list[Entry] = field(default_factory=list)
    lines: list[LotLine] = field(default_factory=list)
    renewals: tuple[Renewal, ...] = ()
    access: Mapping[int, bool] = field(default_factory=dict)

    def move(self, source: str, target: str, credits: int, *, list_id: int | None = None) -> None:
        """Adds an entry; nothing when there is nothing to move."""
        if credits:
            self.entries.append(Entry(source, target, credits, list_id))

    def move_lots(self, source: str, target: str, lots: Mapping[int, int]) -> None:
        """Adds a line for every lot, from {lot id: credits}."""
        self.lines.extend(LotLine(lot, source, target, credits) for lot, credits in lots.items() if credits)

    def unassigned_change(self) -> int:
        return sum(
            e.credits * ((e.target == "unassigned") - (e.source == "unassigned")) for e in self.entries
        )

    def received(self) -> int:
        """Credits new to the platform."""
        return sum(e.credits for e in self.entries if e.source in ("purchased", "granted"))

    def list_changes(self) -> Counter[int]:
        """What each limited list gains or loses."""
        changes: Counter[int] = Counter()
        for entry in self.entries:
            sign = (entry.target == "list") - (entry.source == "list")
            if sign and entry.list_id:
                changes[entry.list_id] += sign * entry.credits
        return changes

    def lot_changes(self) -> Counter[int]:
        """What each lot has left more or less; a new lot begins with what it has, which is no change."""
        changes: Counter[int] = Counter()
        for line in self.lines:
            sign = (line.target == "left" and line.source != "origin") - (line.source == "left")
            if sign:
                changes[line.lot_id] += sign * line.credits
        return changes

    def resolved(self) -> tuple[int, int]:
        """What leaves the hold: (captured, released)."""
        out = [(e.credits, e.target == "spent") for e in self.entries if e.source == "hold"]
        return sum(c for c, spent in out if spent), sum(c for c, spent in out if not spent)

    def demand_changes(self) -> dict[int, list[int]]:
        """By list (0: no list): [captured, released]."""
        changes: dict[int, list[int]] = {}
        for entry in self.entries:
            if entry.source == "hold":
                changes.setdefault(entry.list_id or 0, [0, 0])[entry.target != "spent"] += entry.credits
        return changes

    def slice_changes(self) -> dict[int, list[int]]:
        """By lot: [captured, released]."""
        changes: dict[int, list[int]] = {}
        for line in self.lines:
            if line.source == "held":
                changes.setdefault(line.lot_id, [0, 0])[line.target != "captured"] += line.credits
        return changes
