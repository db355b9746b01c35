"""The countries a number without prefix can be read in, by name, and the likeliest one."""

from functools import cache

import phonenumbers

from webapp.web.formats import country as country_name


@cache
def known_countries() -> tuple[str, ...]:
    """ISO codes of every country with a telephone numbering plan."""
    return tuple(sorted(code for code in phonenumbers.SUPPORTED_REGIONS if len(code) == 2 and code.isalpha()))


def country_choices() -> list[tuple[str, str]]:
    """Code and name with calling code, by name in the reader's language."""
    named = [
        (code, f"{country_name(code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in known_countries()
    ]
    return sorted(named, key=lambda each: each[1].casefold())


def likely_country(country: str | None) -> str:
    """A platform's own country, to begin with; empty where it has no numbers."""
    return country if country and country in known_countries() else ""
