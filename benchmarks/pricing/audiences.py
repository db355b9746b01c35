"""Audiences quoted: cold from the database, again with other texts, and ten times as many people."""

import os
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.pricing.peers import python_peer
from benchmarks.pricing.people import COUNTRIES, NOW, values_of
from benchmarks.pricing.results import Results, timed
from webapp.audience import snapshots
from webapp.pricing import crowds
from webapp.pricing.audiences import Audience, ListColumns
from webapp.pricing.books import current_book, offline_book
from webapp.pricing.columns import Column
from webapp.pricing.merge import parse
from webapp.pricing.numbers import country_index
from webapp.pricing.quotes import price_audience

SAMPLE = 20_000
TEXT = "Hi {first_name|friend}, your order {code} for {city} is on its way. Shop {shop}. Stop? Answer NO. "


def measure_quotes(results: Results, platform_id: int, list_ids: list[int], people: int, rounds: int) -> None:
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
        countries = np.resize(np.array([country_index(one) for one in COUNTRIES], np.uint16), size)
        flags = np.zeros(size, np.uint8)
        audience = Audience((ListColumns(1, 1, numbers, numbers + 39_300_000_000, countries, flags, fields),))
        start = time.process_time()
        price_audience(parse(TEXT), audience, offline_book(), NOW)
        cold_ms = (time.process_time() - start) * 1000
        results.add(f"first quote of {size:,} people in memory, CPU", cold_ms, "ms")
        requote(results, audience, size, "at most linear" if times == 10 else "")
        crowds.forget()
