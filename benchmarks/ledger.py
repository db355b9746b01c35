"""How fast the ledger is, beside pgbench's own TPC-B transaction: `python -m benchmarks.ledger`.

A server of its own (the embedded binaries, fsync on), the application's schema, and rounds in which every
contender runs once, so that whatever else the machine does hits all of them alike. Ratios are medians over
the rounds. CPU is what all server processes used, per transaction: a second witness that does not care
about the disk. The SQL contenders are the engine's own statements, recorded from one call of it and sent
by pgbench in the same pipelines; only what must differ from call to call is made to.

`--rounds 5 --seconds 5 --history 5000000 --json instance/bench-ledger.json` (the defaults) takes about ten
minutes and 6 GB of disk; every figure is printed with its goal and what would be wrong, and kept as JSON.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.engine_scripts import RANDOM, recorded, script_of
from benchmarks.history import write_history
from benchmarks.measuring import Bench, Figure, percentile, report
from benchmarks.scene import NOW, Scene, bare_stage, charges, connected, hold_once, stage
from webapp import migrating
from webapp.credits import engine, history
from webapp.credits.expiry import expires_at
from webapp.db import db
from webapp.processes import postgres

SETTINGS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min")
BATCH = 100
KEPT = Path("instance") / "bench-ledger.json"
FORK = multiprocessing.get_context("fork")


# The engine's statements, as pgbench repeats them


def capture_script(scene: Scene, messages: int, credits: int) -> str:
    act = lambda: engine.capture(scene.holds[0], charges(scene, 1, messages, credits), now=NOW, key="k")  # noqa: E731
    numbers = f"ARRAY(SELECT :r::bigint + n FROM generate_series(1, {messages}) AS n)"
    first, last = scene.holds[0], scene.holds[-1]
    varying = {
        "hold_id": ":h::bigint",
        "key": "'k' || :r::text",
        "messages": numbers,
        "subject_id": f"(:h - {first} + 1)::bigint",
    }
    return script_of(recorded(act), varying, RANDOM + f"\\set h random({first}, {last})")


def hold_script(scene: Scene) -> str:
    act = lambda: hold_once(scene, "k", 1)  # noqa: E731
    varying = {
        "hold_id": "currval('hold_id_seq')",
        "lock": ":r::bigint",
        "key": "'k' || :r::text",
    }
    return script_of(recorded(act), varying, RANDOM)


# The public functions, from four processes


def functions(bench: Bench, url: str, scene: Scene, what: str, processes: int = 4) -> float:
    """Calls a second, of all processes together."""
    answers: Any = FORK.SimpleQueue()

    def run(number: int) -> None:
        with connected(url):
            act = actor_of(scene, what, number)
            for _ in range(20):
                act()
            done, until = 0, time.monotonic() + bench.seconds
            while time.monotonic() < until:
                act()
                done += 1
            answers.put(done / bench.seconds)
        os._exit(0)

    workers = [FORK.Process(target=run, args=(number,)) for number in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(answers.get() for _ in workers)
    for worker in workers:
        worker.join()
    return float(total)


def actor_of(scene: Scene, what: str, number: int) -> Callable[[], None]:
    chance = random.Random(time.monotonic_ns() + number)

    def act() -> None:
        one = chance.randrange(10**15)
        if what == "hold":
            hold_once(scene, f"f{one}", one)
        else:
            engine.capture(chance.choice(scene.holds), charges(scene, one, 1, BATCH), now=NOW, key=f"f{one}")

    return act


# The parts of the run


def throughput(bench: Bench) -> None:
    """Captures and holds beside TPC-B, interleaved."""
    for scale in (1, 10):
        bench.create(f"tpcb{scale}")
        bench.pgbench(f"tpcb{scale}", "-i", "-q", "-s", str(scale))
    folder, url = Path(tempfile.mkdtemp(prefix="ledger-bench-")), bench.url("ledger")
    with connected(url):
        scene, many = stage(), stage(lots=50)
        scripts = {
            "capture": capture_script(scene, 1, BATCH),
            "capture of 100 messages": capture_script(scene, BATCH, 1),
            "hold": hold_script(scene),
            "hold, 50 lots": hold_script(many),
        }
    bench.settle("ledger")
    for name, script in scripts.items():
        (folder / f"{name}.sql").write_text(script)
    for _ in range(bench.rounds):
        for scale in (1, 10):
            bench.measure(f"TPC-B, scale {scale}", lambda s=scale: bench.script(f"tpcb{s}", None))  # type: ignore[misc]
        for name in scripts:
            bench.measure(name, lambda n=name: bench.script("ledger", folder / f"{n}.sql"))  # type: ignore[misc]
        for what in ("capture", "hold"):
            bench.measure(f"{what}()", lambda w=what: functions(bench, url, scene, w))  # type: ignore[misc]
    one, ten = "TPC-B, scale 1", "TPC-B, scale 10"
    bench.figures += [
        Figure("capture of 100 credits / TPC-B 10", bench.ratio("capture", ten), "x", 1.2, 0.9),
        Figure(
            "capture of 100 messages / TPC-B 10", bench.ratio("capture of 100 messages", ten), "x", 0.4, 0.25
        ),
        Figure("hold / TPC-B 1", bench.ratio("hold", one), "x", 0.7, 0.45),
        Figure("capture(), 4 processes / TPC-B 10", bench.ratio("capture()", ten), "x", 0.7, 0.4),
        Figure("hold(), 4 processes / TPC-B 1", bench.ratio("hold()", one), "x", 0.5, 0.3),
        Figure(
            "CPU of a hold, 50 lots / 3 lots",
            bench.cpu("hold, 50 lots") / bench.cpu("hold"),
            "x",
            1.3,
            None,
            "less",
        ),
    ]


def with_history(bench: Bench, transactions: int) -> None:
    """CPU per capture and hold behind a long history, and how fast it is read."""
    for size in (200_000, transactions):
        name, folder = f"history{size}", Path(tempfile.mkdtemp(prefix="ledger-bench-"))
        bench.create(name, "ledger_schema")
        with connected(bench.url(name)):
            scene = stage(lists=200)
            write_history(scene.platform, scene.lists, scene.holds, size, NOW)
            (folder / "capture.sql").write_text(capture_script(scene, 1, BATCH))
            (folder / "hold.sql").write_text(hold_script(scene))
            if size == transactions:
                reads(bench, scene)
        for _ in range(bench.rounds):
            for what in ("capture", "hold"):
                contender = f"{what}, history of {size:,}"
                run = lambda w=what, n=name, f=folder: bench.script(n, f / f"{w}.sql")  # noqa: E731
                bench.measure(contender, run)
    for what in ("capture", "hold"):
        long, short = (bench.cpu(f"{what}, history of {size:,}") for size in (transactions, 200_000))
        name = f"CPU of a {what}, {transactions:,} / 200,000 transactions"
        bench.figures.append(Figure(name, long / short, "x", 1.15, None, "less"))


def reads(bench: Bench, scene: Scene) -> None:
    history.write_checkpoints(scene.platform, now=NOW + timedelta(days=1))
    started = db.session.execute(
        text("SELECT min(at) FROM ledger_transaction WHERE kind = 'capture'")
    ).scalar_one()
    span_s = (NOW - started).total_seconds()
    chance = random.Random(1)
    asked: dict[str, tuple[Callable[[], object], float]] = {
        "balance, p99": (lambda: engine.balance(scene.platform, now=NOW), 2),
        "balance at any past instant, p99": (
            lambda: engine.balance(
                scene.platform, now=NOW, at=started + timedelta(seconds=chance.random() * span_s)
            ),
            10,
        ),
        "report of 30 days over 200 lists, p99": (
            lambda: engine.usage(
                scene.platform, from_on=NOW.date() - timedelta(days=29), to_on=NOW.date(), group="list"
            ),
            15,
        ),
    }
    for name, (ask, goal) in asked.items():
        bench.figures.append(Figure(name, percentile(ask, 500, 0.99), "ms", goal, None, "less"))
    db.session.rollback()


def expiry(bench: Bench) -> None:
    """One lot off 10,000 limited lists."""
    with connected(bench.url("ledger")):
        taken = []
        for number in range(bench.rounds):
            scene = bare_stage(10_000, number)
            began = time.perf_counter()
            [done] = engine.expire_due(now=expires_at(date(2027, 6, 1)), platform_id=scene.platform)
            taken.append((time.perf_counter() - began) * 1000)
            assert len(done.lists) == 10_000
    bench.figures.append(
        Figure("expiry across 10,000 lists", statistics.median(taken), "ms", 500, None, "less")
    )


def run(rounds: int, seconds: int, transactions: int, path: Path = KEPT, disk: Path | None = None) -> Bench:
    """Measures everything on a server of its own, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sms-credits-bench-", dir=disk))
    folder.chmod(0o755)
    found = postgres.locate(folder / "pg")
    cluster = postgres.Cluster(found.folder, found.binaries, found.user, SETTINGS)
    with postgres.running(cluster, remove=True):
        bench = Bench(cluster, rounds, seconds)
        bench.create("ledger_schema")
        with connected(bench.url("ledger_schema")) as app:
            migrating.migrate(app)
        bench.create("ledger", "ledger_schema")
        throughput(bench)
        expiry(bench)
        if transactions:
            with_history(bench, transactions)
        facts = {"cpus": os.cpu_count(), "load": os.getloadavg(), "rounds": rounds, "seconds": seconds}
        report(bench, path, {**facts, "history": transactions, "settings": SETTINGS})
    return bench


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--history", type=int, default=5_000_000, help="0 leaves out what needs a history")
    parser.add_argument("--json", type=Path, default=KEPT, help="where the figures are kept")
    parser.add_argument("--disk", type=Path, help="a folder on the disk to measure on")
    given = parser.parse_args()
    run(given.rounds, given.seconds, given.history, given.json, given.disk)


if __name__ == "__main__":
    main()
