"""The numbers met so far in a file, in eight bytes each; pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Seen:
    """A growing set of numbers: sorted arrays, each at least twice the next, merged as they grow.

    Each number is added once: ask `among` first.
    """

    def __init__(self) -> None:
        self.runs: list[NDArray[np.int64]] = []

    def add(self, numbers: Sequence[int] | NDArray[np.int64]) -> None:
        run = np.sort(np.asarray(numbers, np.int64))
        while self.runs and len(self.runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self.runs.pop(), run]), kind="stable")
        if len(run):
            self.runs.append(run)

    def among(self, numbers: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these were added before."""
        asked = np.asarray(numbers, np.int64)
        found = np.zeros(len(asked), np.bool_)
        for run in self.runs:
            places = np.minimum(np.searchsorted(run, asked), len(run) - 1)
            found |= run[places] == asked
        return found

    def __len__(self) -> int:
        return sum(map(len, self.runs))
