"""Writing a confirmed quote down: every message with its price, every country with its rate and profile."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.campaigns.models import Campaign, CampaignRate, Message
from webapp.campaigns.pins import pin_profiles
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.quotes import AudienceQuote

ROWS_AT_ONCE = 20_000

COPY = """
COPY message (platform_id, campaign_id, list_id, recipient_id, phone, country, merge, segments,
              credits_per_segment, credits, plugin, plugin_version) FROM STDIN
"""
ENCODE = json.JSONEncoder(ensure_ascii=False).encode
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def pin(session: Session, campaign: Campaign, quote: AudienceQuote) -> None:
    """Pins recipients, merge values, rates and profiles."""
    session.flush()
    pin_rates(session, campaign, quote)
    connection: Any = session.connection().connection.driver_connection
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for block in blocks(campaign, quote):
            copy.write(block)


def unpin(session: Session, campaign: Campaign) -> None:
    """Takes back what was pinned, to pin anew; only before anything was sent."""
    session.execute(delete(Message).where(Message.campaign_id == campaign.id, Message.state == "queued"))
    session.execute(delete(CampaignRate).where(CampaignRate.campaign_id == campaign.id))


def pin_rates(session: Session, campaign: Campaign, quote: AudienceQuote) -> None:
    profiles = {line.country: quote.book.profile(line.country) for line in quote.by_country}
    keys = pin_profiles(profiles.values())
    session.add_all(
        CampaignRate(
            campaign_id=campaign.id,
            country=line.country,
            credits_per_segment=line.rate.credits_per_segment,
            plugin=line.rate.plugin,
            plugin_version=line.rate.plugin_version,
            effective_from=line.rate.effective_from,
            source=line.rate.source,
            profile_key=keys[profiles[line.country]],
        )
        for line in quote.by_country
    )
    session.flush()


def blocks(campaign: Campaign, quote: AudienceQuote) -> Iterator[bytes]:
    """The rows of the messages in COPY's text format, some thousands at a time."""
    rows = quote.rows
    heads = [f"{campaign.platform_id}\t{campaign.id}\t{line.list_id}" for line in quote.by_list]
    rates = {
        COUNTRIES.index(line.country): (
            line.country,
            str(line.rate.credits_per_segment),
            f"{line.rate.plugin}\t{line.rate.plugin_version}".translate(ESCAPES | {ord("\t"): "\t"}),
        )
        for line in quote.by_country
    }
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        columns = (
            rows.list_index[some],
            rows.recipient_ids[some],
            rows.phones[some],
            rows.country_index[some],
            rows.segments[some],
            rows.credits[some],
        )
        values = merge_values(quote, rows.people[some])
        lines = []
        for index, recipient, phone, country, segments, credits in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            code, rate, plugin = rates[country]
            lines.append(
                f"{heads[index]}\t{recipient}\t{phone}\t{code}\t{next(values)}\t{segments}\t{rate}\t{credits}\t{plugin}\n"
            )
        yield "".join(lines).encode()


def merge_values(quote: AudienceQuote, people: np.ndarray[Any, Any]) -> Iterator[str]:
    """The values of the used fields of each person, as JSON ready for COPY; empty ones are left out."""
    names = quote.template.fields
    if not names:
        return iter(["{}"] * len(people))
    values = (quote.crowd.values(person, names) for person in people.tolist())
    return (as_copied({name: value for name, value in each.items() if value}) for each in values)


def as_copied(values: dict[str, str]) -> str:
    """As JSON in COPY's text format. JSON has no raw tab or line break: only backslashes are doubled."""
    return ENCODE(values).replace("\\", "\\\\")


def figures(quote: AudienceQuote) -> dict[str, Any]:
    """What was promised, to stand beside what was charged."""
    return {
        "credits": quote.credits,
        "recipients": quote.recipients,
        "segments": quote.segments,
        "excluded": dict(quote.excluded),
        "by_list": [[line.list_id, line.recipients, line.segments, line.credits] for line in quote.by_list],
        "by_country": [
            [line.country, line.recipients, line.segments, line.credits, line.credits_per_segment]
            for line in quote.by_country
        ],
        "segments_histogram": {str(parts): people for parts, people in quote.segments_histogram.items()},
    }
