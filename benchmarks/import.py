"""How fast people are imported, beside PostgreSQL's own COPY of the same rows into a bare table.

    python -m benchmarks.import [--rows 1000000] [--rounds 5] [--out instance/bench-import.json]

Both run on the same embedded PostgreSQL, in turns; what counts is their ratio. The import reads and checks
every number, matches it with the list and keeps the statistics that quotes are made of; a second import
of the same file into the same list meets only people it knows. Then the list is loaded cold for a quote.
What the statistics cost is told by two more imports, one of which leaves them out; these read the file in
this process, so that every cost is on the clock one after the other.
"""

import argparse
import csv
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import psycopg
from sqlalchemy import text

from webapp import clock, config, create_app, migrating
from webapp.audience import importing, lists, reading, rows, snapshots, uploading
from webapp.audience import statistics as packed
from webapp.audience.models import Import
from webapp.db import db, transaction
from webapp.processes import postgres

FIRST = ("Ada", "Zoë", "Mario", "Jürgen", "Anne-Marie", "Ιωάννα", "Li", "Giovanni", "Ana", "Tom")
CITIES = ("Roma", "Bologna", "Köln", "Paris", "San Sebastián", "Oslo", "Warszawa", "Bari")
STARTS = (("+39333", 7), ("+39347", 7), ("+491590", 7), ("+336", 8), ("+346", 8))  # and so many digits
COPY, IMPORT, AGAIN = "COPY, bare", "import", "import again"
HERE, WITHOUT = "import in one process", "the same, no statistics"
FIELDS = ("first_name", "last_name", "city", "code")


def write_people(path: Path, rows: int) -> None:
    """That many different numbers of several countries, in no order, with four fields."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["phone", *FIELDS])
        numbers = chance.sample(range(10_000_000), rows)
        for place, number in enumerate(numbers):
            start, digits = STARTS[place % len(STARTS)]
            phone = f"{start}{number:0{digits}d}"
            name = chance.choice(FIRST)
            out.writerow([phone, name, name[::-1].title(), chance.choice(CITIES), f"C{number}"])


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copy_bare(url: str, path: Path) -> None:
    """What PostgreSQL does with the same rows when nothing is asked of them."""
    with psycopg.connect(postgres.libpq(url), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(
            "CREATE TABLE bare (phone text, first_name text, last_name text, city text, code text)"
        )
        into = "COPY bare FROM STDIN WITH (FORMAT csv, HEADER)"
        with connection.cursor() as cursor, path.open("rb") as file, cursor.copy(into) as copy:
            while data := file.read(1 << 18):
                copy.write(data)


def bring_in(platform_id: int, list_id: int, path: Path) -> Import:
    now = clock.now()
    task = uploading.register(platform_id, list_id, path, by_name="benchmark", now=now)
    mapping = list(uploading.proposal(task.id, path).mapping)
    uploading.choose_columns(platform_id, task.id, mapping, None, check=False)
    uploading.confirm(platform_id, task.id, now=now, enqueue=False)
    importing.run_import(task.id, now=now, path=path)
    db.session.expire_all()
    task = db.session.get_one(Import, task.id)
    if task.status != "done":
        raise SystemExit(f"the import ended as {task.status}: {task.failure}")
    return task


def load_cold(platform_id: int, list_id: int) -> None:
    snapshots.kept.clear()
    snapshots.load_audience(platform_id, [list_id])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--out", type=Path, default=Path("instance/bench-import.json"))
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="sms-credits-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = postgres.locate(folder / "pg")
        with postgres.running(cluster, remove=True):
            taken = measure(folder, cluster.url("postgres"), options.rows, options.rounds)
    report(options.rows, taken, options.out)


def measure(folder: Path, url: str, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds by contender, one a round."""
    path = folder / "people.csv"
    write_people(path, count)
    settings = config.Settings(
        database_url=url, instance=folder / "instance", secret_key="a benchmark's secret"
    )
    app = create_app(settings, url)
    taken: dict[str, list[float]] = {}
    migrating.migrate(app)
    with app.app_context():
        with transaction() as session:
            session.execute(text("INSERT INTO platform (name) VALUES ('Benchmark')"))
            platform_id = session.execute(text("SELECT max(id) FROM platform")).scalar_one()
        for number in range(rounds):
            for name, work in contenders(platform_id, url, path, number).items():
                taken.setdefault(name, []).append(timed(work))
    return taken


def contenders(platform_id: int, url: str, path: Path, number: int) -> dict[str, Callable[[], object]]:
    """What runs in a round, in its order; every import that counts is into a list of its own."""
    list_ids = [
        lists.create_list(platform_id, f"Round {number}, list {n}", now=clock.now()).id for n in range(3)
    ]
    return {
        COPY: lambda: copy_bare(url, path),
        IMPORT: lambda: bring_in(platform_id, list_ids[0], path),
        AGAIN: lambda: bring_in(platform_id, list_ids[0], path),
        "cold load": lambda: load_cold(platform_id, list_ids[0]),
        HERE: lambda: in_this_process(platform_id, list_ids[1], path),
        WITHOUT: lambda: without_statistics(platform_id, list_ids[2], path),
    }


def in_this_process(platform_id: int, list_id: int, path: Path) -> None:
    with mock.patch.object(reading, "APART_FROM_BYTES", 1 << 62):
        bring_in(platform_id, list_id, path)


def without_statistics(platform_id: int, list_id: int, path: Path) -> None:
    """The same, with nothing measured, packed or stored."""
    with (
        mock.patch.object(rows, "packed_columns", return_value={}),
        mock.patch.object(packed, "store", return_value=None),
        mock.patch.object(packed, "rebuild_all", return_value=0),
    ):
        in_this_process(platform_id, list_id, path)


def report(count: int, taken: dict[str, list[float]], out: Path) -> None:
    """Medians over the rounds; a ratio is the median of the ratios of each round."""
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    print(f"{count:,} rows, 4 fields, {len(taken[COPY])} rounds")
    for name, seconds in middle.items():
        print(f"{name:26} {seconds:8.2f} s {count / seconds:12,.0f} rows/s")
    figures = [
        ("import, rows a second / COPY", ratio(taken, COPY, IMPORT), "0.12; below 0.05 is wrong"),
        ("import again / COPY", ratio(taken, COPY, AGAIN), ""),
        ("statistics on top of importing", ratio(taken, HERE, WITHOUT) - 1, "at most 0.25"),
    ]
    for name, value, goal in figures:
        print(f"{name:32} {value:8.3f}  {goal}")
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"rows": count, "seconds": taken, "figures": figures}, indent=1) + "\n")


def ratio(taken: dict[str, list[float]], one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(taken[one], taken[other], strict=True))


if __name__ == "__main__":
    main()
