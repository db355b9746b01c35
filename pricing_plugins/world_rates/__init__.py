"""Credits per segment for nearly every country, from published multipliers of a public body.

Source and licence stand in the head of figures.csv. Rows whose territory has no ISO 3166 code are left
out, because a phone number cannot be told to belong to one; the operator's page lists them.
"""

import csv
from collections.abc import Iterable
from importlib.resources import files

from webapp.pricing.api import Rate, RateCard, hookimpl

sms_credits_api = 1

SOURCE = (
    "GOV.UK Notify, international billing rates as of 2026-07-22 (github.com/alphagov/notifications-utils)"
)
LICENCE = "MIT, Crown copyright (Government Digital Service)"


def figures() -> list[dict[str, str]]:
    text = files(__name__).joinpath("figures.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@hookimpl
def sms_credits_rate_cards() -> Iterable[RateCard]:
    credits_by_country = {row["iso"]: int(row["credits_per_segment"]) for row in figures() if row["iso"]}
    left_out = [
        f"{row['country']} (+{row['dial_prefix']}): no ISO code" for row in figures() if not row["iso"]
    ]
    rates = tuple(Rate(country, credits) for country, credits in credits_by_country.items())
    yield RateCard("World", rates, SOURCE, LICENCE, tuple(left_out))
