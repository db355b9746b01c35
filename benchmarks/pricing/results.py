"""What the benchmarks of pricing write down, and how they take the time."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Results:
    """Named figures with their unit and, where there is one, the goal: a table, and JSON."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, goal: str = "", note: str = "") -> None:
        self.rows.append({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "note": note})
        print(f"{name:58}{value:14,.2f} {unit:12}{goal:22}{note}", flush=True)


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    work()
    return clock() - start


def median_rate(work: Callable[[], object], size: int, rounds: int) -> float:
    return size / statistics.median(timed(work, time.process_time) for _ in range(rounds))
