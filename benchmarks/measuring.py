"""Contenders measured in turns on one server, and the table of figures with their goals."""

import json
import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from webapp.processes import postgres

CLIENTS = ["-n", "-M", "prepared", "-c", "8", "-j", "2"]


@dataclass
class Figure:
    """One line of the table; `goal` and `wrong` are the issue's, `better` says which way."""

    name: str
    value: float
    unit: str
    goal: float
    wrong: float | None = None
    better: str = "more"

    @property
    def verdict(self) -> str:
        def reached(limit: float) -> bool:
            return self.value >= limit if self.better == "more" else self.value <= limit

        if reached(self.goal):
            return "reached"
        return "missed" if self.wrong is None or reached(self.wrong) else "DESIGN"


class Bench:
    """A server with the schema, and what the rounds have measured."""

    def __init__(self, cluster: postgres.Cluster, rounds: int, seconds: int) -> None:
        self.cluster, self.rounds, self.seconds = cluster, rounds, seconds
        self.tps: dict[str, list[float]] = {}
        self.cpu_us: dict[str, list[float]] = {}
        self.figures: list[Figure] = []

    def url(self, name: str) -> str:
        return self.cluster.url(name)

    def create(self, name: str, template: str = "template1") -> None:
        with psycopg.connect(postgres.libpq(self.url("postgres")), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[call-overload]

    def settle(self, database: str) -> None:
        """What `pgbench -i` does to its own tables: without statistics, plans are chance."""
        with psycopg.connect(postgres.libpq(self.url(database)), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def pgbench(self, database: str, *words: str) -> str:
        command = [str(self.cluster.binaries / "pgbench"), *words, postgres.libpq(self.url(database))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    def measure(self, name: str, run: Callable[[], float]) -> None:
        """Runs a contender once: `run` answers its transactions per second."""
        before = server_cpu_s(self.cluster)
        started = time.monotonic()
        tps = run()
        done = tps * (time.monotonic() - started)
        self.tps.setdefault(name, []).append(tps)
        self.cpu_us.setdefault(name, []).append((server_cpu_s(self.cluster) - before) / max(done, 1) * 1e6)

    def script(self, database: str, script: Path | None, *words: str) -> float:
        files = ["-f", str(script)] if script else []
        out = self.pgbench(database, *CLIENTS, "-T", str(self.seconds), *files, *words)
        return float(re.findall(r"tps = ([0-9.]+)", out)[0])

    def ratio(self, name: str, to: str) -> float:
        """The median of the rounds' own ratios."""
        pairs = zip(self.tps[name], self.tps[to], strict=True)
        return statistics.median(mine / base for mine, base in pairs)

    def cpu(self, name: str) -> float:
        return statistics.median(self.cpu_us[name])


def server_cpu_s(cluster: postgres.Cluster) -> float:
    """CPU seconds of the server and all its processes, dead ones included."""
    pid = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def percentile(ask: Callable[[], object], times: int, which: float) -> float:
    """Milliseconds; the first calls are left out."""
    taken = []
    for number in range(times + 20):
        began = time.perf_counter()
        ask()
        if number >= 20:
            taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)[int(times * which)]


def report(bench: Bench, path: Path, facts: dict[str, object]) -> None:
    print(f"\n{'contender':44} {'median tps':>11} {'CPU us':>8}")
    for name, tps in bench.tps.items():
        print(f"{name:44} {statistics.median(tps):11.0f} {bench.cpu(name):8.0f}")
    print(f"\n{'figure':58} {'measured':>10} {'goal':>10} {'wrong':>6}")
    for one in bench.figures:
        wrong = "" if one.wrong is None else f"{one.wrong:.2f}"
        print(f"{one.name:58} {one.value:8.2f} {one.unit:2} {one.goal:8.2f} {wrong:>6}  {one.verdict}")
    contenders = {name: {"tps": tps, "cpu_us": bench.cpu_us[name]} for name, tps in bench.tps.items()}
    told = {"facts": facts, "contenders": contenders}
    told["figures"] = {one.name: {**asdict(one), "verdict": one.verdict} for one in bench.figures}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=1))
