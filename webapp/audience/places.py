"""The countries a number without prefix can be read in, by name, and the likeliest one."""

from functools import cache

import phonenumbers
from babel.core import get_global

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


def country_of_zone(time_zone: str) -> str:
    """The country a time zone lies in; empty for none."""
    found = str(get_global("zone_territories").get(time_zone, ""))
    return found if found in known_countries() else ""
