"""How fast texts are counted and audiences are quoted, beside other people's libraries in the same run.

    python benchmarks/pricing.py [--people 1000000] [--rounds 5] [--out pricing.json]

The peers are installed by this script into `instance/bench-peers/`: `smsutil` from PyPI, and
`@trt2/gsm-charset-utils` from npm. Rounds go in turns, so that a busy machine is busy for all of them;
what counts are the ratios. Single messages are measured in CPU time, quotes in both.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text, update

from webapp import config, create_app, migrating
from webapp.audience import chunks, lists, snapshots
from webapp.audience import statistics as packed
from webapp.audience.models import RecipientList
from webapp.db import db, transaction
from webapp.pricing import crowds
from webapp.pricing.books import current_book, offline_book
from webapp.pricing.columns import Audience, Column, ListColumns
from webapp.pricing.merge import parse
from webapp.pricing.quotes import price_audience
from webapp.pricing.segmentation import count, segment
from webapp.pricing.text import normalise
from webapp.processes import postgres

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEERS = Path("instance/bench-peers")
MESSAGES = 10_000
SAMPLE = 20_000
WORDS = [
    "your",
    "order",
    "is",
    "on",
    "its",
    "way",
    "and",
    "will",
    "arrive",
    "tomorrow",
    "between",
    "nine",
    "and",
    "twelve",
    "thank",
    "you",
    "for",
    "buying",
]
NAMES = ("Ada", "Zoë", "Mario", "Jürgen", "Łukasz", "Anne-Marie", "Li", "Giovanni", "", "İpek")
CITIES = ("Roma", "Bologna", "Köln", "Paris", "San Sebastián", "Oslo", "Warszawa", "Bari")
COUNTRIES = ("IT", "DE", "FR", "ES", "GB", "US", "PL", "TR")
TEXT = "Hi {first_name|friend}, your order {code} for {city} is on its way. Shop {shop}. Stop? Answer NO. "
NODE = """
const peer = require('@trt2/gsm-charset-utils');
const texts = JSON.parse(require('fs').readFileSync('texts.json'));
const rates = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = process.cpuUsage();
  for (const text of texts) peer.getCharCount(text);
  const used = process.cpuUsage(start);
  rates.push(texts.length / ((used.user + used.system) / 1e6));
}
console.log(JSON.stringify({rates, counts: texts.map((text) => peer.getCharCount(text).msgCount)}));
"""


@dataclass
class Results:
    """Named figures with their unit and, where there is one, the goal: a table, and JSON."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, goal: str = "", note: str = "") -> None:
        self.rows.append({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "note": note})
        print(f"{name:58}{value:14,.2f} {unit:12}{goal:22}{note}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--out", type=Path, default=Path("instance/bench-pricing.json"))
    options = asked.parse_args()
    results = Results()
    one_message(results, options.rounds)
    from_database(results, options.people, options.rounds)
    ten_times(results, options.people)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"people": options.people, "results": results.rows}, indent=1) + "\n")


def corpus() -> list[str]:
    """Messages of five kinds in turn: ASCII, with extension characters, long, UCS-2, with emoji."""
    source = random.Random(5)
    made = []
    for number in range(MESSAGES):
        words = " ".join(source.choices(WORDS, k=60))
        kinds = (
            words[: source.randrange(20, 160)],
            words[: source.randrange(20, 130)] + " €20 [{1}]",
            words[: source.randrange(170, 340)],
            "Ваш заказ уже в пути " * source.randrange(1, 8),
            words[: source.randrange(20, 100)] + " 😀🎉",
        )
        made.append(kinds[number % 5])
    return made


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    work()
    return clock() - start


def median_rate(work: Callable[[], object], size: int, rounds: int) -> float:
    return size / statistics.median(timed(work, time.process_time) for _ in range(rounds))


def one_message(results: Results, rounds: int) -> None:
    texts, profile = corpus(), offline_book().default_profile
    smsutil = python_peer("smsutil")
    ours, whole, theirs = [], [], []
    for _ in range(rounds):
        ours.append(median_rate(lambda: [count(normalise(one), profile) for one in texts], len(texts), 1))
        whole.append(median_rate(lambda: [segment(one, profile) for one in texts], len(texts), 1))
        theirs.append(median_rate(lambda: [smsutil.split(one) for one in texts], len(texts), 1))
    npm = npm_peer(texts, rounds)
    rate = statistics.median(ours)
    results.add("one message, counted", rate, "per CPU s")
    results.add("one message, with its segmentation object", statistics.median(whole), "per CPU s")
    results.add("smsutil", statistics.median(theirs), "per CPU s")
    results.add("counted, times smsutil", rate / statistics.median(theirs), "x", "at least 12")
    if npm:
        npm_rate, counts = npm
        differing = sum(
            segment(one, profile).segments != number for one, number in zip(texts, counts, strict=True)
        )
        results.add(
            "@trt2/gsm-charset-utils (Node)",
            npm_rate,
            "per CPU s",
            note=f"{differing} counts differ from ours",
        )
        results.add("counted, times @trt2/gsm-charset-utils", rate / npm_rate, "x", "at least 1.5")


def python_peer(name: str) -> Any:
    folder = PEERS.absolute() / "python"
    if not (folder / name).is_dir():
        options = ["--quiet", "--disable-pip-version-check", "--target", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, name], check=True)
    sys.path.append(str(folder))
    return __import__(name)


def npm_peer(texts: list[str], rounds: int) -> tuple[float, list[int]] | None:
    """Messages a second of the best npm peer and its counts of the same texts; None without Node."""
    if not shutil.which("node") or not shutil.which("npm"):
        print("Node is missing: the npm peer is left out.")
        return None
    folder = PEERS.absolute() / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@trt2").is_dir():
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]
        subprocess.run(["npm", "install", *quiet, "@trt2/gsm-charset-utils"], cwd=folder, check=True)
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "run.cjs").write_text(NODE.replace("ROUNDS", str(rounds + 2)))
    ran = subprocess.run(["node", "run.cjs"], cwd=folder, capture_output=True, text=True, check=True)
    answer = json.loads(ran.stdout)
    return statistics.median(answer["rates"]), answer["counts"]


def values_of(people: int, seed: int) -> dict[str, list[str]]:
    source = random.Random(seed)
    return {
        "first_name": source.choices(NAMES, k=people),
        "code": [f"C{number:07d}" for number in range(people)],
        "city": source.choices(CITIES, k=people),
        "shop": source.choices([f"Corner {number}" for number in range(200)], k=people),
    }


def write_list(platform_id: int, name: str, first_phone: int, people: int) -> int:
    """A list of so many people, written in the packed form in which imports keep them."""
    list_id = lists.create_list(platform_id, name, now=NOW).id
    values = values_of(people, seed=first_phone)
    countries = random.Random(1).choices(COUNTRIES, k=people)
    with transaction() as session:
        session.execute(update(RecipientList).where(RecipientList.id == list_id).values(fields=list(values)))
        for start in range(0, people, chunks.CAPACITY):
            part = slice(start, min(start + chunks.CAPACITY, people))
            ids = range(first_phone + part.start, first_phone + part.stop)
            rows = chunks.Rows(
                ids,
                [39_300_000_000 + number for number in ids],
                countries[part],
                ["subscribed"] * len(ids),
                {field: given[part] for field, given in values.items()},
            )
            packed.store(session, packed.new_chunk(session, platform_id, list_id), rows)
    return list_id


def from_database(results: Results, people: int, rounds: int) -> None:
    """Three overlapping lists of together `people` persons, quoted cold and again with other texts."""
    with tempfile.TemporaryDirectory(prefix="sms-credits-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = postgres.locate(folder / "pg")
        with postgres.running(cluster, remove=True):
            url = cluster.url("postgres")
            settings = config.Settings(
                database_url=url, instance=folder / "instance", secret_key="for a benchmark"
            )
            app = create_app(settings, url)
            migrating.migrate(app)
            with app.app_context():
                measure_quotes(results, people, rounds)


def measure_quotes(results: Results, people: int, rounds: int) -> None:
    with transaction() as session:
        session.execute(text("INSERT INTO platform (name) VALUES ('Benchmark')"))
    platform_id = db.session.execute(text("SELECT max(id) FROM platform")).scalar_one()
    half, overlap = people // 2, people // 4
    list_ids = [
        write_list(platform_id, "First", 0, half),
        write_list(platform_id, "Second", half - overlap, half),
        write_list(platform_id, "Third", people - half - overlap + overlap, half),
    ]
    book = current_book()
    price_audience(parse("Hi"), Audience(()), book, NOW)
    cold_seconds, cold_cpu, peaks = [], [], []
    quote = None
    for _ in range(rounds):
        forget()
        idle = resident_mb()
        start, cpu = time.perf_counter(), time.process_time()
        quote = price_audience(parse(TEXT), snapshots.load_audience(platform_id, list_ids), book, NOW, "SHOP")
        cold_seconds.append(time.perf_counter() - start)
        cold_cpu.append(time.process_time() - cpu)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - idle)
    assert quote is not None
    rows = sum(len(columns) for columns in quote.crowd.audience.lists)
    note = f"{rows:,} rows, {quote.recipients:,} people"
    slow = seconds_by_rendering(quote.crowd.audience) * rows
    results.add("cold quote from the database", statistics.median(cold_seconds), "s", note=note)
    results.add("the same, CPU of this process", statistics.median(cold_cpu), "s")
    results.add("rendering and counting each with smsutil", slow, "s", note=f"from {SAMPLE:,} rows")
    results.add("cold quote, times faster", slow / statistics.median(cold_seconds), "x", "at least 25")
    results.add("peak memory above idle", peaks[0], "MB", "at most 600")
    audience = snapshots.load_audience(platform_id, list_ids)
    requote(results, audience, quote.recipients, "at most 60")
    fingerprint = timed(lambda: price_audience(parse(TEXT + "!"), audience, book, NOW, "SHOP").fingerprint)
    results.add("fingerprint, cold", fingerprint * 1000, "ms")
    keep_statistics(results, people)


def forget() -> None:
    snapshots.kept.clear()
    crowds.forget()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def seconds_by_rendering(audience: Audience) -> float:
    """Seconds for a row that is rendered and counted with smsutil, from a sample of the first list."""
    smsutil, template, columns = python_peer("smsutil"), parse(TEXT), audience.lists[0]
    size = min(SAMPLE, len(columns))
    rows = [{name: column[row] for name, column in columns.fields.items()} for row in range(size)]
    return timed(lambda: [len(smsutil.split(template.render(values)).parts) for values in rows]) / size


def requote(results: Results, audience: Audience, people: int, goal: str = "") -> float:
    """CPU of pricing the same audience with other texts, as while typing: the median of many."""
    book = offline_book()
    endings = (
        ["x" * size for size in range(0, 120, 6)]
        + ["€" * size for size in range(1, 30, 3)]
        + ["ж", "😀 €", "😀" * 9]
    )
    texts = [parse(TEXT + ending) for ending in endings]
    price_audience(texts[0], audience, book, NOW, "SHOP")
    cpu = []
    for one in texts:
        start = time.process_time()
        price_audience(one, audience, book, NOW, "SHOP")
        cpu.append(time.process_time() - start)
    results.add(f"re-quote of {people:,} people, CPU, median", statistics.median(cpu) * 1000, "ms", goal)
    results.add(f"re-quote of {people:,} people, CPU, slowest of {len(cpu)}", max(cpu) * 1000, "ms")
    return statistics.median(cpu)


def keep_statistics(results: Results, people: int) -> None:
    values = values_of(people, seed=2)
    cpu = timed(lambda: [Column.measure(given).pack() for given in values.values()], time.process_time)
    results.add(
        "statistics of 4 fields kept, CPU", cpu, "s", note=f"{people:,} rows; compare benchmarks/import.py"
    )


def ten_times(results: Results, people: int) -> None:
    """The same people ten times over under other numbers."""
    columns = {name: Column.measure(given) for name, given in values_of(people, seed=3).items()}
    for times in (1, 10):
        size = people * times
        fields = {name: Column.concatenate([column] * times) for name, column in columns.items()}
        numbers = np.arange(size, dtype=np.int64)
        countries = np.resize(np.array([country_code(one) for one in COUNTRIES], np.uint16), size)
        flags = np.zeros(size, np.uint8)
        audience = Audience((ListColumns(1, 1, numbers, numbers + 39_300_000_000, countries, flags, fields),))
        start = time.process_time()
        price_audience(parse(TEXT), audience, offline_book(), NOW)
        cold_ms = (time.process_time() - start) * 1000
        results.add(f"first quote of {size:,} people in memory, CPU", cold_ms, "ms")
        requote(results, audience, size, "at most linear" if times == 10 else "")
        crowds.forget()


def country_code(country: str) -> int:
    from webapp.pricing.columns import country_index

    return country_index(country)


if __name__ == "__main__":
    main()
