"""What a quote says line by line: what each list and each country pays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.pricing.books import Rate
from webapp.pricing.counting import Counted
from webapp.pricing.crowds import REASONS, Crowd
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Profile


@dataclass(frozen=True)
class Funding:
    """What the chosen lists may spend: `limited` by list id, the other lists share `unassigned`.

    `available` is all that the platform could spend, for "available after".
    """

    available: int
    unassigned: int
    limited: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CountryLine:
    country: str
    recipients: int
    segments: int
    credits: int
    rate: Rate
    segments_histogram: Mapping[int, int]

    @property
    def credits_per_segment(self) -> int:
        return self.rate.credits_per_segment


@dataclass(frozen=True)
class ListLine:
    """What one list pays. `available` is what it may spend here, after the free lists before it."""

    list_id: int
    recipients: int
    segments: int
    credits: int
    excluded: Mapping[str, int]
    funding: str = "free"
    available: int | None = None
    shortfall: int = 0


@dataclass(frozen=True)
class Cell:
    """So many people of one list and country whose message takes so many segments; `reason` if left out."""

    list_index: int
    country: str
    segments: int
    people: int
    reason: str = ""


def cells_of(crowd: Crowd, counted: Counted) -> list[Cell]:
    """The people of a crowd by list, country and segments."""
    kinds = counted.kinds
    by_kind = (kinds.list_index, kinds.country, np.maximum(counted.of_kind, 0), counted.regular)
    singly = (crowd.list_index[counted.people], crowd.countries[counted.people], counted.segments, None)
    width = 1 + max(int(segments.max(initial=0)) for _list, _country, segments, _people in (by_kind, singly))
    size = len(crowd.audience.lists) * len(COUNTRIES) * width
    totals = totals_by_key(*by_kind, width, size) + totals_by_key(*singly, width, size)
    return [cell(int(key), int(totals[key]), width) for key in np.flatnonzero(totals)]


def totals_by_key(
    lists: NDArray[Any],
    countries: NDArray[Any],
    segments: NDArray[Any],
    people: NDArray[Any] | None,
    width: int,
    size: int,
) -> NDArray[Any]:
    """People by list, country and segments, which make the index; without `people` a row is one person."""
    keys = (lists.astype(np.int64) * len(COUNTRIES) + countries) * width + segments
    return np.bincount(keys, weights=people, minlength=size)


def cell(key: int, people: int, width: int) -> Cell:
    rest, segments = divmod(key, width)
    list_index, country = divmod(rest, len(COUNTRIES))
    return Cell(list_index, COUNTRIES[country], segments, people)


def reason_cells(
    cells: list[Cell], rated: Mapping[str, Rate], refused: set[str], priced: Mapping[str, Profile]
) -> list[Cell]:
    """The same with the reason for which their people are left out."""

    def reason(cell: Cell) -> str:
        if cell.country not in rated:
            return "no_rate"
        if cell.country in refused:
            return "sender"
        if cell.segments == 0:
            return "empty"
        return "too_many_segments" if cell.segments > priced[cell.country].part_limit else ""

    return [Cell(cell.list_index, cell.country, cell.segments, cell.people, reason(cell)) for cell in cells]


def list_lines(crowd: Crowd, cells: list[Cell], rated: Mapping[str, Rate]) -> list[ListLine]:
    return [list_line(index, crowd, cells, rated) for index in range(len(crowd.audience.lists))]


def list_line(index: int, crowd: Crowd, cells: list[Cell], rated: Mapping[str, Rate]) -> ListLine:
    own = [cell for cell in cells if cell.list_index == index]
    paid = [cell for cell in own if not cell.reason]
    excluded = dict.fromkeys(REASONS, 0) | dict(crowd.chosen[index].excluded)
    for cell in own:
        if cell.reason:
            excluded[cell.reason] += cell.people
    return ListLine(
        crowd.audience.lists[index].list_id,
        sum(cell.people for cell in paid),
        sum(cell.people * cell.segments for cell in paid),
        sum(credits_of(cell, rated) for cell in paid),
        excluded,
    )


def credits_of(cell: Cell, rated: Mapping[str, Rate]) -> int:
    return cell.people * cell.segments * rated[cell.country].credits_per_segment


def with_funding(lines: list[ListLine], funding: Funding | None) -> tuple[ListLine, ...]:
    """Each limited list pays from its own, the free ones share: what they lack falls on the later ones."""
    if funding is None:
        return tuple(lines)
    funded, shared = [], funding.unassigned
    for line in lines:
        limited = line.list_id in funding.limited
        available = funding.limited[line.list_id] if limited else shared
        if not limited:
            shared = max(0, shared - line.credits)
        about = {"funding": "limited" if limited else "free", "available": available}
        shortfall = max(0, line.credits - available)
        funded.append(ListLine(**{**vars(line), **about, "shortfall": shortfall}))
    return tuple(funded)


def country_lines(cells: list[Cell], rated: Mapping[str, Rate]) -> tuple[CountryLine, ...]:
    """The countries that are paid for, the dearest first."""
    countries = dict.fromkeys(cell.country for cell in cells if not cell.reason)
    lines = [
        country_line([cell for cell in cells if cell.country == country], rated[country])
        for country in countries
    ]
    return tuple(sorted(lines, key=lambda line: (-line.credits, line.country)))


def country_line(cells: list[Cell], rate: Rate) -> CountryLine:
    paid = [cell for cell in cells if not cell.reason]
    people = sum(cell.people for cell in paid)
    segments = sum(cell.people * cell.segments for cell in paid)
    return CountryLine(
        rate.country, people, segments, segments * rate.credits_per_segment, rate, histogram(paid)
    )


def histogram(cells: list[Cell]) -> dict[int, int]:
    """Recipients by the number of segments of their message."""
    counts: dict[int, int] = {}
    for cell in cells:
        if not cell.reason:
            counts[cell.segments] = counts.get(cell.segments, 0) + cell.people
    return dict(sorted(counts.items()))
