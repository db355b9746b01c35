"""One message counted, beside `smsutil` and `@trt2/gsm-charset-utils`."""

import operator
import random
import statistics

from benchmarks.pricing.peers import has_node, npm_peer, python_peer
from benchmarks.pricing.results import Results, median_rate
from webapp.pricing.books import offline_book
from webapp.pricing.segmentation import count, segment
from webapp.pricing.text import normalise

MESSAGES = 10_000
NPM = "@trt2/gsm-charset-utils"
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


def one_message(results: Results, rounds: int) -> None:
    texts, profile = corpus(), offline_book().default_profile
    smsutil = python_peer("smsutil")
    works = {
        "one message, counted": lambda: [count(normalise(one), profile) for one in texts],
        "one message, with its segmentation object": lambda: [segment(one, profile) for one in texts],
        "smsutil": lambda: [smsutil.split(one) for one in texts],
    }
    rates: dict[str, list[float]] = {name: [] for name in (*works, NPM)}
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(median_rate(work, len(texts), 1))
        if has_node():
            npm_rate, counts = npm_peer(texts, 3)
            rates[NPM].append(npm_rate)
    middle = {name: statistics.median(found) for name, found in rates.items() if found}
    for name, rate in middle.items():
        results.add(name, rate, "per CPU s")
    counted = middle["one message, counted"]
    results.add("counted, times smsutil", counted / middle["smsutil"], "x", "at least 12")
    if NPM in middle:
        own = [segment(one, profile).segments for one in texts]
        note = f"{sum(map(operator.ne, own, counts))} counts differ from ours"
        results.add(f"counted, times {NPM}", counted / middle[NPM], "x", "at least 1.5", note)
    else:
        print("Node is missing: the npm peer is left out.")
