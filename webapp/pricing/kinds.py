"""People whose values count alike are of one kind: a million people are some thousand kinds.

A kind is a list, a country, a number of characters, a number of characters of two units, and a class. It
depends on the fields a text has but not on what stands between them, so a changed text is priced kind by
kind, and people are looked at one by one only where the count of their kind depends on their own text.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing.characters import CARRIAGE_RETURN, JOINED, LINE_FEED, START
from webapp.pricing.columns import Column, Measures, some
from webapp.pricing.crowds import Crowd
from webapp.pricing.merge import Field
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Tables

IS_FOREIGN: Final = 1
IS_ENTANGLED: Final = 2
IS_JOINED: Final = 4
CELLS_MAX: Final = 1 << 23
KINDS_REMEMBERED: Final = 6


@dataclass(frozen=True, eq=False)
class Totals:
    """Per person, over all fields of a text: `characters`, `wide` ones, `classes` of bits; integers[m].

    `wide` counts extension characters, or astral ones where `classes` says `IS_FOREIGN`.
    """

    characters: NDArray[Any]
    wide: NDArray[Any]
    classes: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Kinds:
    """n kinds: `list_index`, `country` (in `COUNTRIES`), `characters`, `wide`, `classes`, `people`.

    `keys` and `cells` tell the kind of each person: `of_person`.
    """

    list_index: NDArray[np.int64]
    country: NDArray[np.int64]
    characters: NDArray[np.int64]
    wide: NDArray[np.int64]
    classes: NDArray[np.int64]
    people: NDArray[np.int64]
    keys: NDArray[Any]
    cells: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.people)

    @cached_property
    def of_person(self) -> NDArray[np.int32]:
        """The kind of each person, int32[m]."""
        return self.cells_of_people(np.arange(len(self), dtype=np.int32))

    def cells_of_people(self, figures: NDArray[Any]) -> NDArray[Any]:
        """A figure given per kind, per person."""
        if not len(self.cells):
            return figures[:0]
        if self.cells[-1] < CELLS_MAX:
            table = np.zeros(int(self.cells[-1]) + 1, figures.dtype)
            table[self.cells] = figures
            per_person: NDArray[Any] = table[self.keys]
        else:
            per_person = figures[np.searchsorted(self.cells, self.keys)]
        return per_person


def kinds_of(crowd: Crowd, places: tuple[Field, ...], tables: Tables | None, *, plain: bool) -> Kinds:
    """The kinds of a crowd under the fields of a text; remembered for the texts last asked for."""
    key = ("kinds", tuple(sorted(places)), tables.digest if tables else None, plain)
    known: Kinds | None = crowd.remembered.pop(key, None)
    kinds = known or sorted_into_kinds(crowd, totals_of(crowd, places, tables, plain=plain))
    crowd.remembered[key] = kinds
    older = [old for old in list(crowd.remembered) if old[0] == "kinds"]
    for old in older[:-KINDS_REMEMBERED]:
        crowd.remembered.pop(old, None)
    return kinds


def totals_of(
    crowd: Crowd,
    places: Iterable[Field],
    tables: Tables | None,
    *,
    plain: bool,
    people: NDArray[np.int64] | None = None,
) -> Totals:
    """The figures of all fields of a text added up for each person, or for some `people`."""
    size = len(crowd) if people is None else len(people)
    characters, extension, astral = (np.zeros(size, np.int32) for _ in range(3))
    classes = np.zeros(size, np.uint8)
    for place in places:
        gsm = crowd.figures(place.name, tables, plain=plain).of(people)
        ucs2 = crowd.figures(place.name, None, plain=plain).of(people)
        add(characters, ucs2.units)
        subtract(characters, ucs2.wide)
        add(extension, gsm.wide)
        add(astral, ucs2.wide)
        add_classes(classes, gsm, some(crowd.flags(place.name, plain=plain), people))
        if plain and (given := some(crowd.flags(place.name), people)) is not None:
            classes |= CLASS_OF_FLAGS[given] & np.uint8(IS_ENTANGLED)
        add_default(place, ucs2, tables, plain, characters, extension, astral, classes)
    foreign = (classes & IS_FOREIGN) != 0
    return Totals(characters, np.where(foreign, astral, extension) if foreign.any() else extension, classes)


def add(totals: NDArray[Any], figures: NDArray[Any] | None) -> None:
    if figures is not None:
        np.add(totals, figures, out=totals, casting="unsafe")


def subtract(totals: NDArray[Any], figures: NDArray[Any] | None) -> None:
    if figures is not None:
        np.subtract(totals, figures, out=totals, casting="unsafe")


def add_classes(classes: NDArray[np.uint8], gsm: Measures, flags: NDArray[np.uint8] | None) -> None:
    if gsm.foreign is not None:
        classes |= gsm.foreign.view(np.uint8) * np.uint8(IS_FOREIGN)
    if flags is not None:
        classes |= CLASS_OF_FLAGS[flags]


def class_of_flags(flags: int) -> int:
    entangled = flags & (START | CARRIAGE_RETURN)
    return (IS_ENTANGLED if entangled else 0) | (IS_JOINED if flags & JOINED else 0)


CLASS_OF_FLAGS: Final = np.array([class_of_flags(flags) for flags in range(256)], np.uint8)


def add_default(
    place: Field,
    ucs2: Measures,
    tables: Tables | None,
    plain: bool,
    characters: NDArray[Any],
    extension: NDArray[Any],
    astral: NDArray[Any],
    classes: NDArray[np.uint8],
) -> None:
    """Add the figures of a field's default for those whose value is empty."""
    if not place.default:
        return
    empty = slice(None) if ucs2.units is None else np.flatnonzero(ucs2.units == 0)
    column = default_column(place.default, tables, plain)
    characters[empty] += len(column[0])
    extension[empty] += figure(column.wide if tables else column.astral)
    astral[empty] += figure(column.astral)
    foreign = column.gsm(tables).foreign if tables else None
    classes[empty] |= CLASS_OF_FLAGS[figure(column.flags)] | (IS_FOREIGN if foreign is not None else 0)


def default_column(default: str, tables: Tables | None, plain: bool) -> Column:
    column = Column.measure([default], tables)
    return column.plain.measured_for(tables) if plain and tables else column


def figure(figures: NDArray[Any] | None) -> int:
    return 0 if figures is None else int(figures[0])


def sorted_into_kinds(crowd: Crowd, totals: Totals) -> Kinds:
    """Number every combination that could be, then keep those that are."""
    present = np.flatnonzero(np.bincount(crowd.countries, minlength=len(COUNTRIES)))
    codes = np.zeros(len(COUNTRIES), np.int32)
    codes[present] = np.arange(len(present))
    ranges = (highest(totals.classes), highest(totals.characters), highest(totals.wide))
    sizes = (len(crowd.audience.lists), max(1, len(present)), *(1 + top for top in ranges))
    space = math.prod(sizes)
    keys: Any = crowd.list_index.astype(np.int32 if space <= CELLS_MAX else np.int64)
    keys *= sizes[1]
    keys += codes[crowd.countries]
    for size, figures in zip(sizes[2:], (totals.classes, totals.characters, totals.wide), strict=True):
        keys *= size
        keys += figures
    cells, people = counted(keys, space)
    parts, rest = [], cells
    for size in reversed(sizes[1:]):
        rest, part = np.divmod(rest, size)
        parts.append(part)
    wide, characters, classes, country = parts
    return Kinds(
        rest, present[country] if len(present) else country, characters, wide, classes, people, keys, cells
    )


def highest(figures: NDArray[Any]) -> int:
    return int(figures.max()) if len(figures) else 0


def counted(keys: NDArray[Any], space: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The keys that occur, in order, and how often; counted in a table where that is small enough."""
    if space <= CELLS_MAX:
        table = np.bincount(keys)
        cells = np.flatnonzero(table)
        return cells, table[cells]
    found = np.unique_counts(keys)
    return found.values, found.counts


def may_pair_with_cr(crowd: Crowd, name: str) -> NDArray[np.bool_]:
    """People whose value begins with LF or is empty: it may pair with a CR before it."""
    units, flags = crowd.figures(name, None).units, crowd.flags(name)
    risky = np.ones(len(crowd), np.bool_) if units is None else units == 0
    return risky if flags is None else risky | ((flags & LINE_FEED) != 0)
