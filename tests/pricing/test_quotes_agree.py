"""The promise of the engine: an audience costs what its messages cost, one by one, always."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pricing.strategies import BOOK, NOW, Drawn, audiences, templates
from webapp.pricing import counting
from webapp.pricing.audiences import Audience, ListColumns
from webapp.pricing.merge import Template, parse
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.quotes import (
    EmptyText,
    NoRate,
    SenderNotAllowed,
    TooManySegments,
    price_audience,
    price_message,
)

REASON = {
    NoRate: "no_rate",
    SenderNotAllowed: "sender",
    EmptyText: "empty",
    TooManySegments: "too_many_segments",
}


@dataclass(frozen=True)
class Slow:
    """What the engine must come to, one row after the other."""

    credits: int
    excluded: Counter[str]
    rows: list[tuple[int, int, int, int]]


def slow_quote(template: Template, drawn: Drawn, sender: str, transliterate: bool) -> Slow:
    audience, excluded = drawn.audience, Counter[str]()
    seen: set[int] = set()
    rows = []
    for columns, raw in zip(audience.lists, drawn.values, strict=True):
        for row in range(len(columns)):
            reason = why_left_out(columns, row, audience, seen)
            if reason:
                excluded[reason] += 1
                continue
            seen.add(int(columns.phones[row]))
            values = {name: given[row] for name, given in raw.items()}
            country = COUNTRIES[columns.countries[row]]
            try:
                priced = price_message(
                    template, values, country, BOOK, NOW, sender, transliterate=transliterate
                )
            except (NoRate, SenderNotAllowed, EmptyText, TooManySegments) as refusal:
                excluded[REASON[type(refusal)]] += 1
            else:
                rows.append(
                    (int(columns.recipient_ids[row]), columns.list_id, priced.segments, priced.credits)
                )
    return Slow(sum(row[3] for row in rows), excluded, rows)


def why_left_out(columns: ListColumns, row: int, audience: Audience, seen: set[int]) -> str | None:
    phone = int(columns.phones[row])
    if columns.flags[row] & 2:
        return "invalid"
    if columns.flags[row] & 1:
        return "unsubscribed"
    if phone in audience.do_not_contact.tolist():
        return "do_not_contact"
    return "duplicate" if phone in seen else None


@pytest.mark.parametrize("few", [0, 1_000], ids=["by figures", "by text"])
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(templates(), audiences(), st.sampled_from(["", "SHOP", "+393471234567", "12345"]), st.booleans())
def test_an_audience_costs_what_its_messages_cost(
    monkeypatch: pytest.MonkeyPatch, few: int, text: str, drawn: Drawn, sender: str, transliterate: bool
) -> None:
    audience = drawn.audience
    monkeypatch.setattr(counting, "FEW", few)
    template = parse(text)
    slow = slow_quote(template, drawn, sender, transliterate)
    quote = price_audience(template, audience, BOOK, NOW, sender, transliterate=transliterate)
    assert quote.credits == slow.credits
    assert {reason: count for reason, count in quote.excluded.items() if count} == dict(slow.excluded)
    assert quote.recipients == len(slow.rows)
    assert quote.segments_histogram == dict(sorted(Counter(row[2] for row in slow.rows).items()))
    assert quote.recipients + sum(quote.excluded.values()) == sum(len(columns) for columns in audience.lists)
    ids = [audience.lists[index].list_id for index in quote.rows.list_index]
    rows = zip(quote.rows.recipient_ids, ids, quote.rows.segments, quote.rows.credits, strict=True)
    assert [tuple(map(int, row)) for row in rows] == slow.rows
