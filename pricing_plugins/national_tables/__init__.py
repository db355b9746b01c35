"""The national language tables of 3GPP TS 23.038 for the countries whose languages they were made for.

Not enabled at first: a gateway must be able to send the header that announces a table, and the phones of
the country must know it. Where they do, a text that would be UCS-2 needs about half the segments.
"""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from pricing_plugins.gsm import BASIC, EXTENSION, GSM_7
from webapp.pricing.api import NATIONAL_LANGUAGES, Alphabet, SegmentProfile, hookimpl

sms_credits_api = 1

LANGUAGES_BY_COUNTRY = {
    "AO": ("portuguese",),
    "AR": ("spanish",),
    "BD": ("bengali",),
    "BO": ("spanish",),
    "BR": ("portuguese",),
    "CL": ("spanish",),
    "CO": ("spanish",),
    "CR": ("spanish",),
    "CU": ("spanish",),
    "CV": ("portuguese",),
    "CY": ("turkish",),
    "DO": ("spanish",),
    "EC": ("spanish",),
    "ES": ("spanish",),
    "GQ": ("spanish", "portuguese"),
    "GT": ("spanish",),
    "GW": ("portuguese",),
    "HN": ("spanish",),
    "IN": (
        "hindi",
        "bengali",
        "telugu",
        "tamil",
        "gujarati",
        "urdu",
        "kannada",
        "oriya",
        "malayalam",
        "punjabi",
    ),
    "LK": ("tamil",),
    "MX": ("spanish",),
    "MZ": ("portuguese",),
    "NI": ("spanish",),
    "NP": ("hindi",),
    "PA": ("spanish",),
    "PE": ("spanish",),
    "PK": ("urdu", "punjabi"),
    "PT": ("portuguese",),
    "PY": ("spanish",),
    "SG": ("tamil",),
    "ST": ("portuguese",),
    "SV": ("spanish",),
    "TR": ("turkish",),
    "UY": ("spanish",),
    "VE": ("spanish",),
}


@cache
def tables() -> tuple[dict[str, str], dict[str, str]]:
    """The locking and the single shift tables by language, 128 characters each."""
    data = json.loads(files(__name__).joinpath("tables.json").read_text("utf-8"))
    locking = {name: characters(lines) for name, lines in data["locking"].items()}
    single_shift = {name: characters(lines) for name, lines in data["single_shift"].items()}
    return {"default": BASIC, **locking}, {"default": EXTENSION, **single_shift}


def characters(lines: list[str]) -> str:
    return "".join(chr(int(point, 16)) for line in lines for point in line.split())


def pair(locking: str, single_shift: str) -> Alphabet:
    """The alphabet of a locking and a single shift table, by the names of their languages."""
    basic, extension = tables()[0][locking], tables()[1][single_shift]
    return Alphabet(
        f"{locking} + {single_shift}",
        basic,
        extension,
        NATIONAL_LANGUAGES[locking],
        NATIONAL_LANGUAGES[single_shift],
    )


def pairs_of(language: str) -> list[Alphabet]:
    """Every pair that has a table of this language: the single shift, the locking, both."""
    has_locking = language in tables()[0]
    wanted = [("default", language), (language, "default"), (language, language)]
    return [pair(lock, shift) for lock, shift in wanted if has_locking or lock == "default"]


@hookimpl
def sms_credits_segment_profiles() -> Iterable[SegmentProfile]:
    for country, languages in LANGUAGES_BY_COUNTRY.items():
        national = [alphabet for language in languages for alphabet in pairs_of(language)]
        yield SegmentProfile(country, (GSM_7, *national))
