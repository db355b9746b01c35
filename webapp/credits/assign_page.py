"""What the assign page shows: a row per list, and what the whole comes to when its fields are saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.credits.forms import Wanted
from webapp.credits.terms import Assigned, Balance, ListBalance

BAR_LISTS = 3


@dataclass(frozen=True)
class ListRow:
    """One list: what it has, what it spent in 30 days, and its field (`text`, which began as `was`)."""

    list_id: int
    name: str
    access: str
    assigned: int
    held: int
    spent: int
    text: str
    was: str
    error: str | None = None
    need: int | None = None

    @property
    def changed(self) -> bool:
        return self.text != self.was


@dataclass(frozen=True)
class Outcome:
    """What saving would lead to. `short` is what the unassigned lacks for it."""

    unassigned: int
    assigned: int
    held: int
    short: int
    changes: int
    largest: tuple[tuple[int, int], ...]
    others: int


@dataclass(frozen=True)
class Stale:
    """A list that has something else than the page had shown."""

    list_id: int
    shown: int
    now: int


def rows_of(
    balance: Balance,
    names: Mapping[int, str],
    spent: Mapping[int, int],
    wanted: Wanted | None,
    need: tuple[int, int] | None,
) -> list[ListRow]:
    """The rows of the lists in `names`, in that order; the one that needs credits comes first."""
    by_id = {found.list_id: found for found in balance.lists}
    rows = [
        row_of(
            by_id.get(list_id, ListBalance(list_id, "free", 0, 0)), name, spent.get(list_id, 0), wanted, need
        )
        for list_id, name in names.items()
    ]
    return sorted(rows, key=lambda row: row.need is None)


def row_of(
    found: ListBalance, name: str, spent: int, wanted: Wanted | None, need: tuple[int, int] | None
) -> ListRow:
    list_id = found.list_id
    was = str(found.assigned) if found.access == "limited" else ""
    text, error, needed = was, None, None
    if need and need[0] == list_id:
        needed = need[1]
        text = str(found.assigned + needed) if found.access == "limited" else was
    if wanted and list_id in wanted.typed:
        text, error = wanted.typed[list_id], wanted.errors.get(list_id)
    return ListRow(list_id, name, found.access, found.assigned, found.held, spent, text, was, error, needed)


def outcome_of(balance: Balance, changes: Mapping[int, int | None]) -> Outcome:
    """The platform as it will be when these changes are saved."""
    after = {found.list_id: found.assigned for found in balance.lists}
    after |= {list_id: amount or 0 for list_id, amount in changes.items()}
    assigned = sum(after.values())
    unassigned = balance.available - assigned
    ranked = sorted(
        ((list_id, amount) for list_id, amount in after.items() if amount), key=lambda one: (-one[1], one[0])
    )
    return Outcome(
        unassigned=max(unassigned, 0),
        assigned=assigned,
        held=balance.held,
        short=max(-unassigned, 0),
        changes=len(changes),
        largest=tuple(ranked[:BAR_LISTS]),
        others=sum(amount for _, amount in ranked[BAR_LISTS:]),
    )


def stale_lists(wanted: Wanted, done: Assigned) -> Sequence[Stale]:
    """The lists whose change, as the engine found it, is not the one from what the page had shown."""
    stale = []
    for list_id, amount in wanted.changes.items():
        if list_id not in wanted.was:
            continue
        shown = wanted.was[list_id] or 0
        now = (amount or 0) - done.changes.get(list_id, 0)
        if now != shown:
            stale.append(Stale(list_id, shown, now))
    return stale
