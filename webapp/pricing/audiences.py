"""Who is written to, column by column: what a quote is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing.columns import Column

UNSUBSCRIBED: Final = 1
INVALID: Final = 2


@dataclass(frozen=True, eq=False)
class ListColumns:
    """The recipients of a list at a version: n rows in any order, numbers as digits without the plus.

    `recipient_ids`, `phones` int64[n]; `countries` uint16[n], indexes into `COUNTRIES`; `flags` uint8[n],
    `UNSUBSCRIBED` and `INVALID`; `fields` columns of n values.
    """

    list_id: int
    version: int
    recipient_ids: NDArray[np.int64]
    phones: NDArray[np.int64]
    countries: NDArray[np.uint16]
    flags: NDArray[np.uint8]
    fields: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.phones)


@dataclass(frozen=True, eq=False)
class Audience:
    """The chosen lists in their order, and the numbers nobody may write to, int64[] sorted."""

    lists: tuple[ListColumns, ...]
    do_not_contact: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def field_names(self) -> set[str]:
        return {name for columns in self.lists for name in columns.fields}
