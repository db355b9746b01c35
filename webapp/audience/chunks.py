"""How up to `CAPACITY` recipients are packed into one row, and counted.

Pure: no database. The packed form says who (ids), where (phones, countries) and whether they may be
written to (flags), as little-endian arrays one after the other behind a magic number. Countries are
kept as their two letters, so that the packed form does not depend on the order of any table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from webapp.audience.models import INVALID, SUBSCRIBED, UNSUBSCRIBED

CAPACITY = 16_384
MAGIC = b"smscr\x00\x00\x01"
FLAG_OF = {SUBSCRIBED: 0, UNSUBSCRIBED: 1, INVALID: 2}
BYTES_EACH = 8 + 8 + 2 + 1

Summary = dict[str, list[int]]  # country -> how many are subscribed, unsubscribed, invalid


@dataclass
class Rows:
    """Recipients by column, in the order of their ids; `values` has one list per merge field."""

    ids: Sequence[int] = ()
    phones: Sequence[int] = ()
    countries: Sequence[str] = ()
    statuses: Sequence[str] = ()
    values: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Keys:
    """The unpacked form: int64 ids and phones, uint16 country letters, uint8 flags, all of one length."""

    ids: NDArray[np.int64]
    phones: NDArray[np.int64]
    letters: NDArray[np.uint16]
    flags: NDArray[np.uint8]


def keys_of(rows: Rows) -> Keys:
    """The arrays of these rows."""
    return Keys(
        ids=np.array(rows.ids, dtype=np.int64),
        phones=np.array(rows.phones, dtype=np.int64),
        letters=letters_of(rows.countries),
        flags=np.fromiter(map(FLAG_OF.__getitem__, rows.statuses), np.uint8, len(rows.statuses)),
    )


def letters_of(countries: Sequence[str]) -> NDArray[np.uint16]:
    """ISO codes as numbers: the two ASCII letters of each, read little-endian."""
    return np.frombuffer("".join(countries).encode("ascii"), dtype="<u2")


def pack(keys: Keys) -> bytes:
    """The arrays as bytes."""
    arrays = (keys.ids.astype("<i8"), keys.phones.astype("<i8"), keys.letters.astype("<u2"), keys.flags)
    return MAGIC + b"".join(array.tobytes() for array in arrays)


def unpack(packed: bytes) -> Keys | None:
    """The arrays again, without copying; None when the bytes were packed by another version."""
    count, rest = divmod(len(packed) - len(MAGIC), BYTES_EACH)
    if rest or packed[: len(MAGIC)] != MAGIC:
        return None
    start = len(MAGIC)
    return Keys(
        ids=np.frombuffer(packed, "<i8", count, start),
        phones=np.frombuffer(packed, "<i8", count, start + 8 * count),
        letters=np.frombuffer(packed, "<u2", count, start + 16 * count),
        flags=np.frombuffer(packed, np.uint8, count, start + 18 * count),
    )


def summarise(keys: Keys) -> Summary:
    """How many there are by country and status."""
    counts = np.bincount(keys.letters.astype(np.int64) * 4 + keys.flags, minlength=0)
    summary: Summary = {}
    for place in np.flatnonzero(counts):
        letters, flag = divmod(int(place), 4)
        country = letters.to_bytes(2, "little").decode("ascii")
        summary.setdefault(country, [0, 0, 0])[flag] = int(counts[place])
    return summary


def add_summaries(summaries: Sequence[Mapping[str, Sequence[int]]]) -> Summary:
    """The sum of several."""
    total: Summary = {}
    for summary in summaries:
        for country, counts in summary.items():
            into = total.setdefault(country, [0, 0, 0])
            for index, count in enumerate(counts):
                into[index] += count
    return total
