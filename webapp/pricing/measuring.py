"""The figures of merge values: their lengths, and what their characters cost, many values at a time."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing import characters
from webapp.pricing.characters import CARRIAGE_RETURN, FOREIGN, LINE_FEED, START, UNTIDY
from webapp.pricing.profiles import Tables
from webapp.pricing.text import normalise

if TYPE_CHECKING:
    from webapp.pricing.columns import Column

MEASURED_AT_ONCE: Final = 1 << 16
KEPT_FLAGS: Final = 0xFF ^ UNTIDY

Numbers = NDArray[Any]


def measured(texts: list[str], tables: Tables) -> tuple[Any, ...]:
    """What a `Column` of at most `MEASURED_AT_ONCE` values is made of, in the order of its attributes."""
    texts, joined, lengths, points = tidied(texts)
    per_value = Segments(lengths)
    costs = tables.costs[points]
    flags = per_value.either(characters.flags_of(points)) & KEPT_FLAGS | edge_flags(points, per_value)
    flags[per_value.either((costs == 0).view(np.uint8)) > 0] |= FOREIGN
    ascii_only = points.dtype == np.uint8
    return (
        len(texts),
        tables.digest,
        narrow(lengths),
        narrow(per_value.total(costs == 2)),
        None if ascii_only else narrow(per_value.total(points > 0xFFFF)),
        narrow(flags),
        narrow(lengths if ascii_only else per_value.total(characters.utf8_lengths(points))),
        joined.encode("utf-8"),
    )


def remeasured(column: "Column", tables: Tables) -> "Column":
    """A column whose `wide` and `FOREIGN` are those of another alphabet, slice by slice."""
    wide, foreign = np.zeros(column.size, np.int64), np.zeros(column.size, np.bool_)
    lengths = np.zeros(column.size, np.int64) if column.lengths is None else column.lengths.astype(np.int64)
    for start in range(0, column.size, MEASURED_AT_ONCE):
        part = slice(start, min(start + MEASURED_AT_ONCE, column.size))
        text = column.blob[column.offsets[part.start] : column.offsets[part.stop]].decode("utf-8")
        costs, per_value = tables.costs[characters.code_points(text)], Segments(lengths[part])
        wide[part] = per_value.total(costs == 2)
        foreign[part] = per_value.either((costs == 0).view(np.uint8)) > 0
    flags = (0 if column.flags is None else column.flags & ~np.uint8(FOREIGN)) | np.where(foreign, FOREIGN, 0)
    return replace(column, digest=tables.digest, wide=narrow(wide), flags=narrow(flags), views={})


def tidied(texts: list[str]) -> tuple[list[str], str, NDArray[np.int64], Numbers]:
    """Values that can be counted, all of them joined, their lengths and code points."""
    joined = "".join(texts)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    points = characters.code_points(joined)
    untidy = np.flatnonzero(Segments(lengths).either(characters.flags_of(points)) & UNTIDY)
    if not len(untidy):
        return texts, joined, lengths, points
    texts = list(texts)
    for index in untidy.tolist():
        texts[index] = tidy(texts[index])
    joined = "".join(texts)
    return texts, joined, np.fromiter(map(len, texts), np.int64, len(texts)), characters.code_points(joined)


def tidy(text: str) -> str:
    """A value normalised, its last CR kept: what follows decides whether a line ends there once or twice."""
    normal = normalise(text)
    return f"{normal[:-1]}\r" if text.endswith("\r") else normal


class Segments:
    """Sums over the characters of each of n values that stand one after the other."""

    def __init__(self, lengths: NDArray[np.int64]) -> None:
        self.filled = np.flatnonzero(lengths)
        self.size = len(lengths)
        ends = np.cumsum(lengths)
        self.last = ends[self.filled] - 1
        self.first = ends[self.filled] - lengths[self.filled]

    def total(self, figures: Numbers) -> NDArray[np.int64]:
        totals = np.zeros(self.size, np.int64)
        if len(self.filled):
            totals[self.filled] = np.add.reduceat(figures, self.first, dtype=np.int64)
        return totals

    def either(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        united = np.zeros(self.size, np.uint8)
        if len(self.filled):
            united[self.filled] = np.bitwise_or.reduceat(bits, self.first)
        return united


def edge_flags(points: Numbers, per_value: Segments) -> NDArray[np.uint8]:
    """What the first and the last character of each value mean for its neighbours."""
    flags = np.zeros(per_value.size, np.uint8)
    first, last = points[per_value.first], points[per_value.last]
    starts = np.where(characters.flags_of(first) & characters.MARK, START, 0) | np.where(
        first == 10, LINE_FEED, 0
    )
    flags[per_value.filled] = starts | np.where(last == 13, CARRIAGE_RETURN, 0)
    return flags


def narrow(figures: Numbers) -> Numbers | None:
    """The same numbers in the smallest type that holds them, None if all are 0."""
    highest = int(figures.max()) if len(figures) else 0
    if highest == 0:
        return None
    return figures.astype(np.uint8 if highest < 1 << 8 else np.uint16 if highest < 1 << 16 else np.uint32)
