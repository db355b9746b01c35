"""The values of one merge field of many recipients, with what a quote needs to know of each.

A quote adds up these figures instead of rendering texts. They are kept packed beside the recipients and
measured again only when those change.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing.characters import FOREIGN, TYPOGRAPHIC
from webapp.pricing.measuring import MEASURED_AT_ONCE, Numbers, measured, narrow, remeasured
from webapp.pricing.merge import text_of
from webapp.pricing.profiles import Tables
from webapp.pricing.transliteration import transliterated

MAGIC: Final = b"SMSC\x01"
HEADER: Final = struct.Struct("<5s16sQQ6B")
DTYPES: Final = (None, np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"))


@dataclass(frozen=True)
class Measures:
    """Figures of n values under one alphabet: `units` and `wide` (None: all 0), `foreign` (None: none is).

    `wide` counts characters of two units. A foreign value has a character the alphabet has not; its
    other figures mean nothing then.
    """

    units: Numbers | None
    wide: Numbers | None
    foreign: NDArray[np.bool_] | None

    def of(self, rows: NDArray[np.int64] | None) -> "Measures":
        """The figures of some of the values."""
        if rows is None:
            return self
        return Measures(some(self.units, rows), some(self.wide, rows), some(self.foreign, rows))


def some(figures: Numbers | None, rows: NDArray[np.int64] | None) -> Numbers | None:
    """The figures at these rows, or all of them."""
    return figures if figures is None or rows is None else figures[rows]


@dataclass(frozen=True)
class Column:
    """n values of a field. Values are normalised, but for a last CR, which may pair with an LF after it.

    `characters` u[n] of a value, `wide` u[n] those that take two septets in the alphabet of `digest`,
    `astral` u[n] those that take two UCS-2 units, `flags` u8[n] (see `characters.py`); None: all 0.
    """

    size: int
    digest: bytes
    lengths: Numbers | None
    wide: Numbers | None
    astral: Numbers | None
    flags: Numbers | None
    byte_lengths: Numbers | None
    blob: bytes
    views: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def measure(cls, values: Iterable[object], tables: Tables | None = None) -> "Column":
        """The column of these values; None is an empty one. `tables`: the alphabet to measure ahead."""
        tables = tables or usual_tables()
        texts = map(text_of, values)
        slices = iter(lambda: list(islice(texts, MEASURED_AT_ONCE)), [])
        return cls.concatenate(
            [cls(*measured(piece, tables)) for piece in slices] or [cls(*measured([], tables))]
        )

    @classmethod
    def concatenate(cls, columns: Sequence["Column"]) -> "Column":
        """One column of several, in order."""
        if len(columns) == 1:
            return columns[0]
        digests = {column.digest for column in columns}
        if len(digests) > 1:
            columns = [column.measured_for(usual_tables()) for column in columns]
        names = ("lengths", "wide", "astral", "flags", "byte_lengths")
        joined: dict[str, Any] = {
            name: joined_arrays([(c.size, getattr(c, name)) for c in columns]) for name in names
        }
        size = sum(column.size for column in columns)
        return cls(size, columns[0].digest, **joined, blob=b"".join(c.blob for c in columns), views={})

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return self.blob[self.offsets[index] : self.offsets[index + 1]].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        offsets = self.offsets.tolist()
        for start, end in pairwise(offsets):
            yield self.blob[start:end].decode("utf-8")

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each value begins in `blob`, int64[n + 1]."""
        offsets = np.zeros(self.size + 1, np.int64)
        if self.byte_lengths is not None:
            np.cumsum(self.byte_lengths, out=offsets[1:])
        return offsets

    @cached_property
    def last_bytes(self) -> NDArray[np.uint8]:
        """The last byte of each value in UTF-8, 0 for an empty one, uint8[n]."""
        ends, lengths = self.offsets[1:], np.diff(self.offsets)
        found: NDArray[np.uint8] = np.zeros(self.size, np.uint8)
        found[lengths > 0] = np.frombuffer(self.blob, np.uint8)[ends[lengths > 0] - 1]
        return found

    @cached_property
    def any_flags(self) -> int:
        return 0 if self.flags is None else int(np.bitwise_or.reduce(self.flags))

    def pack(self) -> bytes:
        """All of it as bytes, for the database."""
        arrays = (self.lengths, self.wide, self.astral, self.flags, self.byte_lengths)
        kinds = [code_of(array) for array in arrays]
        head = HEADER.pack(MAGIC, self.digest, self.size, len(self.blob), *kinds, 0)
        return b"".join([head, *(array.tobytes() for array in arrays if array is not None), self.blob])

    @classmethod
    def unpack(cls, packed: bytes) -> "Column":
        """What `pack` gave. Raises `ValueError` for anything else."""
        if len(packed) < HEADER.size or not packed.startswith(MAGIC):
            raise ValueError("this is not a packed column of this version")
        _magic, digest, size, length, *kinds, _spare = HEADER.unpack_from(packed)
        position = HEADER.size
        arrays: list[Any] = []
        for kind in kinds:
            dtype = DTYPES[kind]
            arrays.append(None if dtype is None else np.frombuffer(packed, dtype, size, position))
            position += size * dtype.itemsize if dtype else 0
        if len(packed) != position + length:
            raise ValueError("this packed column is cut short")
        lengths, wide, astral, flags, byte_lengths = arrays
        return cls(size, digest, lengths, wide, astral, flags, byte_lengths, bytes(packed[position:]))

    def gsm(self, tables: Tables) -> Measures:
        """The figures under a 7-bit alphabet; measured now if it is not the one measured ahead."""
        if tables.digest not in self.views:
            column = self.measured_for(tables)
            self.views[tables.digest] = Measures(
                summed(column.lengths, column.wide), column.wide, flagged(column.flags, FOREIGN)
            )
        found: Measures = self.views[tables.digest]
        return found

    @property
    def ucs2(self) -> Measures:
        """The figures in UCS-2, to which no character is foreign."""
        if "ucs2" not in self.views:
            self.views["ucs2"] = Measures(summed(self.lengths, self.astral), self.astral, None)
        found: Measures = self.views["ucs2"]
        return found

    def measured_for(self, tables: Tables) -> "Column":
        """The same column under another alphabet, from the values as they are kept."""
        return self if tables.digest == self.digest else remeasured(self, tables)

    @cached_property
    def plain(self) -> "Column":
        """The same values transliterated; this very column where nothing changes."""
        if not self.any_flags & TYPOGRAPHIC:
            return self
        return Column.measure(transliterated(value)[0] for value in self)


def packed_columns(values: Mapping[str, Iterable[object]]) -> dict[str, bytes]:
    """The packed column of each field."""
    return {name: Column.measure(column).pack() for name, column in values.items()}


def usual_tables() -> Tables:
    """The alphabet nearly every text is counted in: the first of the default profile."""
    from webapp.pricing.books import offline_book

    first = offline_book().default_profile.first
    if first is None or first.tables is None:
        raise RuntimeError("the plugins of the house bring no alphabet")
    return first.tables


def code_of(array: Numbers | None) -> int:
    return 0 if array is None else DTYPES.index(array.dtype.newbyteorder("<"))


def joined_arrays(pieces: list[tuple[int, Numbers | None]]) -> Numbers | None:
    if all(array is None for _size, array in pieces):
        return None
    return np.concatenate([np.zeros(size, np.uint8) if array is None else array for size, array in pieces])


def summed(first: Numbers | None, second: Numbers | None) -> Numbers | None:
    if first is None or second is None:
        return first if second is None else second
    return narrow(first.astype(np.int64) + second)


def flagged(flags: Numbers | None, bit: int) -> NDArray[np.bool_] | None:
    if flags is None:
        return None
    found: NDArray[np.bool_] = (flags & bit) != 0
    return found if found.any() else None
