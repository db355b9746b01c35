"""The people of the benchmarks: lists in the packed form in which imports keep them."""

import random
from datetime import UTC, datetime

from sqlalchemy import update

from webapp.audience import chunks, lists
from webapp.audience import statistics as packed
from webapp.audience.models import RecipientList
from webapp.db import transaction

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = ("Ada", "Zoë", "Mario", "Jürgen", "Łukasz", "Anne-Marie", "Li", "Giovanni", "", "İpek")
CITIES = ("Roma", "Bologna", "Köln", "Paris", "San Sebastián", "Oslo", "Warszawa", "Bari")
COUNTRIES = ("IT", "DE", "FR", "ES", "GB", "US", "PL", "TR")


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


def three_lists(platform_id: int, people: int) -> list[int]:
    """Three overlapping lists of together so many persons."""
    half, overlap = people // 2, people // 4
    return [
        write_list(platform_id, "First", 0, half),
        write_list(platform_id, "Second", half - overlap, half),
        write_list(platform_id, "Third", people - half - overlap + overlap, half),
    ]
