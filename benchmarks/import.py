"""How fast people are imported, beside PostgreSQL's own COPY of the same rows into a bare table.

    python benchmarks/import.py [--rows 1000000] [--rounds 3]

Both run on the same embedded PostgreSQL, in turns; what counts is their ratio. The import reads and checks
every number, matches it with the list and keeps the statistics that quotes are made of; a second import
of the same file into the same list meets only people it knows. Then the list is loaded cold for a quote.
"""

import argparse
import csv
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import text

from webapp import clock, config, create_app, migrating
from webapp.audience import importing, lists, snapshots, uploading
from webapp.audience.models import Import
from webapp.db import db, transaction
from webapp.processes import postgres

FIRST = ("Ada", "Zoë", "Mario", "Jürgen", "Anne-Marie", "Ιωάννα", "Li", "Giovanni", "Ana", "Tom")
CITIES = ("Roma", "Bologna", "Köln", "Paris", "San Sebastián", "Oslo", "Warszawa", "Bari")
STARTS = (("+39333", 7), ("+39347", 7), ("+491590", 7), ("+336", 8), ("+346", 8))  # and so many digits
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
    asked.add_argument("--rounds", type=int, default=3)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="sms-credits-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with postgres.running(postgres.locate(folder / "pg"), remove=True) as _:
            measure(folder, postgres.locate(folder / "pg").url("postgres"), options.rows, options.rounds)


def measure(folder: Path, url: str, rows: int, rounds: int) -> None:
    path = folder / "people.csv"
    write_people(path, rows)
    settings = config.Settings(
        database_url=url, instance=folder / "instance", secret_key="a benchmark's secret"
    )
    app = create_app(settings, url)
    migrating.migrate(app)
    with app.app_context():
        with transaction() as session:
            session.execute(text("INSERT INTO platform (name) VALUES ('Benchmark')"))
            platform_id = session.execute(text("SELECT max(id) FROM platform")).scalar_one()
        taken: dict[str, list[float]] = {"COPY, bare": [], "import": [], "import again": [], "cold load": []}
        for number in range(rounds):
            made = lists.create_list(platform_id, f"Round {number}", now=clock.now())
            list_id = made.id
            taken["COPY, bare"].append(timed(lambda: copy_bare(url, path)))
            taken["import"].append(timed(lambda: bring_in(platform_id, list_id, path)))  # noqa: B023
            taken["import again"].append(timed(lambda: bring_in(platform_id, list_id, path)))  # noqa: B023
            taken["cold load"].append(timed(lambda: load_cold(platform_id, list_id)))  # noqa: B023
        report(rows, taken)


def report(rows: int, taken: dict[str, list[float]]) -> None:
    """Medians over the rounds; the ratio is the median of the ratios of each round."""
    bare = taken["COPY, bare"]
    print(f"{rows:,} rows, 4 fields, {len(bare)} rounds")
    for name, seconds in taken.items():
        ratio = statistics.median(mine / own for own, mine in zip(seconds, bare, strict=True))
        middle = statistics.median(seconds)
        print(f"{name:14} {middle:8.2f} s {rows / middle:12,.0f} rows/s {ratio:8.3f} of COPY")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
