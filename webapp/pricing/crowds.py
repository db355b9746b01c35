"""Who of an audience gets the message: one row per person, each other row left out for one reason.

This does not depend on the text, so it is worked out once for an audience and kept while people type.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing.audiences import INVALID, UNSUBSCRIBED, Audience, ListColumns
from webapp.pricing.columns import Column, Measures
from webapp.pricing.measuring import Numbers
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Tables

REASONS: Final = (
    "duplicate",
    "unsubscribed",
    "do_not_contact",
    "invalid",
    "no_rate",
    "sender",
    "empty",
    "too_many_segments",
)
CROWDS_REMEMBERED: Final = 4


@dataclass(frozen=True)
class Chosen:
    """The rows of one list that stay, int64[], or None for all of them; why the others went."""

    rows: NDArray[np.int64] | None
    excluded: Mapping[str, int]

    def of(self, figures: Numbers) -> Numbers:
        return figures if self.rows is None else figures[self.rows]


@dataclass(frozen=True, eq=False)
class Crowd:
    """The m people of an audience, list after list. `list_index` int32[m], `countries` uint16[m]."""

    audience: Audience
    chosen: tuple[Chosen, ...]
    list_index: NDArray[np.int32]
    countries: NDArray[np.uint16]
    remembered: dict[Any, Any]

    def __len__(self) -> int:
        return len(self.countries)

    @cached_property
    def recipient_ids(self) -> NDArray[np.int64]:
        return self.joined([columns.recipient_ids for columns in self.audience.lists])

    @cached_property
    def phones(self) -> NDArray[np.int64]:
        return self.joined([columns.phones for columns in self.audience.lists])

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The row of each person in its list, int64[m]."""
        return self.joined([np.arange(len(columns)) for columns in self.audience.lists])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many people each list brings."""
        pairs = zip(self.audience.lists, self.chosen, strict=True)
        return tuple(len(columns) if kept.rows is None else len(kept.rows) for columns, kept in pairs)

    @cached_property
    def countries_present(self) -> tuple[str, ...]:
        counts = np.bincount(self.countries, minlength=len(COUNTRIES))
        return tuple(COUNTRIES[index] for index in np.flatnonzero(counts))

    def joined(self, figures: list[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([kept.of(array) for kept, array in zip(self.chosen, figures, strict=True)])

    def figures(self, name: str, tables: Tables | None, *, plain: bool = False) -> Measures:
        """Figures of a field for the m people: under an alphabet, or in UCS-2 (`tables` None)."""
        key = ("figures", name, tables.digest if tables else None, plain)
        if key not in self.remembered:
            columns = self.columns(name, plain=plain)
            measures = [
                None if column is None else column.gsm(tables) if tables else column.ucs2
                for column in columns
            ]
            self.remembered[key] = Measures(
                self.gathered([measure and measure.units for measure in measures]),
                self.gathered([measure and measure.wide for measure in measures]),
                self.gathered([measure and measure.foreign for measure in measures]),
            )
        found: Measures = self.remembered[key]
        return found

    def flags(self, name: str, *, plain: bool = False) -> NDArray[np.uint8] | None:
        """The flags of a field for the m people, None if there are none."""
        key = ("flags", name, plain)
        if key not in self.remembered:
            columns = self.columns(name, plain=plain)
            self.remembered[key] = self.gathered(
                [None if column is None else column.flags for column in columns]
            )
        found: NDArray[np.uint8] | None = self.remembered[key]
        return found

    def last_bytes(self, name: str) -> NDArray[np.uint8]:
        """The last byte of each value in UTF-8, 0 for an empty one, uint8[m]."""
        found = self.gathered(
            [None if column is None else column.last_bytes for column in self.columns(name)]
        )
        return np.zeros(len(self), np.uint8) if found is None else found

    def columns(self, name: str, *, plain: bool = False) -> list[Column | None]:
        found = [columns.fields.get(name) for columns in self.audience.lists]
        return [column.plain if column is not None and plain else column for column in found]

    def gathered(self, arrays: list[Any]) -> Any:
        """The figures of all lists as one array; None if every list has only zeros."""
        if all(array is None for array in arrays):
            return None
        kind = next(array.dtype for array in arrays if array is not None)  # true and false stay what they are
        pieces = [
            np.zeros(size, kind) if array is None else kept.of(array)
            for array, kept, size in zip(arrays, self.chosen, self.sizes, strict=True)
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def values(self, person: int, names: tuple[str, ...]) -> dict[str, str]:
        """The values of one person for these fields; one its list has not is empty."""
        columns = self.audience.lists[self.list_index[person]]
        row = int(self.rows[person])
        return {name: columns.fields[name][row] if name in columns.fields else "" for name in names}


def crowd_of(audience: Audience) -> Crowd:
    """The people of an audience; the same object while its lists are the same objects."""
    key = (*(id(columns) for columns in audience.lists), id(audience.do_not_contact))
    with _lock:
        known = _crowds.pop(key, None)
        if known is not None:
            _crowds[key] = known
            return known
    crowd = select_people(audience)
    with _lock:
        _crowds[key] = crowd
        while len(_crowds) > CROWDS_REMEMBERED:
            _crowds.popitem(last=False)
    return crowd


# A crowd holds its audience, so the ids in a key belong to living objects as long as it is kept here.
_crowds: OrderedDict[tuple[int, ...], Crowd] = OrderedDict()
_lock = threading.Lock()


def select_people(audience: Audience) -> Crowd:
    """Leave out invalid, unsubscribed, unwanted and duplicate rows, in the order in which that is told."""
    reachable = [reachable_rows(columns, audience.do_not_contact) for columns in audience.lists]
    phones = [
        columns.phones[rows] for columns, (rows, _excluded) in zip(audience.lists, reachable, strict=True)
    ]
    duplicate = duplicates(np.concatenate(phones) if phones else np.empty(0, np.int64))
    chosen, start = [], 0
    for columns, (rows, excluded) in zip(audience.lists, reachable, strict=True):
        again = duplicate[start : start + len(rows)]
        start += len(rows)
        kept = rows[~again] if again.any() else rows
        counts = {**excluded, "duplicate": len(rows) - len(kept)}
        chosen.append(Chosen(None if len(kept) == len(columns) else kept, counts))
    return crowd_from(audience, tuple(chosen))


def crowd_from(audience: Audience, chosen: tuple[Chosen, ...]) -> Crowd:
    pairs = list(zip(audience.lists, chosen, strict=True))
    sizes = [len(columns) if kept.rows is None else len(kept.rows) for columns, kept in pairs]
    countries = [kept.of(columns.countries) for columns, kept in pairs] or [np.empty(0, np.uint16)]
    list_index = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return Crowd(audience, chosen, list_index, np.concatenate(countries), {})


def reachable_rows(
    columns: ListColumns, do_not_contact: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """The rows that may be written to, and how many others there are by reason."""
    invalid = (columns.flags & INVALID) != 0
    unsubscribed = ((columns.flags & UNSUBSCRIBED) != 0) & ~invalid
    unwanted = is_in(columns.phones, do_not_contact) & ~invalid & ~unsubscribed
    rows = np.flatnonzero(~(invalid | unsubscribed | unwanted))
    counts = {"invalid": invalid, "unsubscribed": unsubscribed, "do_not_contact": unwanted}
    return rows, {reason: int(np.count_nonzero(mask)) for reason, mask in counts.items()}


def is_in(phones: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(phones), np.bool_)
    places = np.minimum(np.searchsorted(ordered, phones), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[places] == phones
    return found


def duplicates(phones: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True for every row whose number stands in an earlier row."""
    again = np.zeros(len(phones), np.bool_)
    ordered = np.sort(phones)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        rows = np.flatnonzero(is_in(phones, repeated))
        rows = rows[np.argsort(phones[rows], kind="stable")]
        again[rows[1:][phones[rows[1:]] == phones[rows[:-1]]]] = True
    return again


def forget() -> None:
    """Let go of every remembered crowd."""
    with _lock:
        _crowds.clear()
