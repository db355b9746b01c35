"""Finding countries and their rates by what a person types."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import get_locale

from webapp.pricing.api import Rate
from webapp.pricing.checks import countries
from webapp.pricing.operating import State


@dataclass(frozen=True)
class FoundRate:
    plugin: str
    enabled: bool
    rate: Rate


def countries_like(typed: str) -> set[str]:
    """Countries whose code is what was typed, or whose name in the reader's language contains it."""
    wanted = folded(typed)
    locale = get_locale()
    names = locale.territories if locale else {}
    return {code for code in countries() if folded(code) == wanted or wanted in folded(names.get(code, ""))}


def folded(text: str) -> str:
    """Without accents and case, so that cote finds Côte."""
    apart = unicodedata.normalize("NFKD", text.strip())
    return "".join(mark for mark in apart if not unicodedata.combining(mark)).casefold()


def find_rates(states: Iterable[State], typed: str) -> list[FoundRate]:
    """The rates of all plugins for the countries that a person may mean."""
    wanted = countries_like(typed)
    found = [
        FoundRate(state.name, state.enabled, rate)
        for state in states
        for rate in state.rates
        if rate.country in wanted
    ]
    return sorted(
        found, key=lambda one: (one.rate.country, not one.enabled, one.plugin, one.rate.effective_from)
    )
