"""All that the author of a pricing plugin imports. docs/plugins.md tells the whole story.

A plugin hands over frozen data once, when it is enabled; the application checks every figure, stores it,
and never calls the plugin while it prices. What is here stays: later versions add, they do not change.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pluggy

API_VERSION: Final = 1
PROJECT: Final = "sms_credits"
ENTRY_POINT_GROUP: Final = "sms_credits.pricing"

hookimpl = pluggy.HookimplMarker(PROJECT)

UNUSED: Final = "\x00"
"""Fills a cell of a 3GPP table that holds no character."""

ESCAPE: Final = "\x1b"
"""Septet 0x1B of every locking table: the escape to the extension, never a character."""

NATIONAL_LANGUAGES: Final = {
    "default": 0,
    "turkish": 1,
    "spanish": 2,
    "portuguese": 3,
    "bengali": 4,
    "gujarati": 5,
    "hindi": 6,
    "kannada": 7,
    "malayalam": 8,
    "oriya": 9,
    "punjabi": 10,
    "tamil": 11,
    "telugu": 12,
    "urdu": 13,
}
"""National language identifiers of 3GPP TS 23.038, section 6.2.1.2.4."""

SENDER_FORMS: Final = ("alphanumeric", "numeric", "short_code")
EDGE_RULES: Final = ("codepoint", "grapheme", "unit")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one segment costs in a country, from a day until another.

    `country` is ISO 3166-1 alpha-2 (XK for Kosovo). Days begin at 00:00 UTC; `effective_until` is the first
    day on which the rate does not hold any more, None while no end is known.
    """

    country: str
    credits_per_segment: int
    effective_from: date = date(2000, 1, 1)
    effective_until: date | None = None


@dataclass(frozen=True, slots=True)
class RateCard:
    """Rates with where they come from: `source` and `licence` of the figures are shown beside them.

    `left_out` names what the source has and the card has not, a sentence each; operators read it.
    """

    name: str
    rates: tuple[Rate, ...]
    source: str
    licence: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alphabet:
    """A pair of 7-bit tables: one septet for a character of `basic`, two for one of `extension`.

    Both are exactly 128 characters, the character at index n being that of septet n; `UNUSED` marks an
    empty cell and `ESCAPE` stands at 0x1B of `basic`. The languages are those of `NATIONAL_LANGUAGES`;
    each that is not 0 costs 3 octets of header in every part.
    """

    name: str
    basic: str
    extension: str
    locking_language: int = 0
    single_shift_language: int = 0


@dataclass(frozen=True, slots=True)
class SegmentProfile:
    """How a text is cut into segments in a country, or everywhere else (`country` None).

    `alphabets`: the first is tried first; a later one is taken only if it gives fewer segments than the
    first and UCS-2 do. Without any, every text is UCS-2.
    `edge_rule`: what is never cut by the edge of a part: `codepoint`, `grapheme`, or `unit` (nothing).
    `concat_reference_bits`: 8 or 16, the size of the reference number in the header of a part.
    `part_limit`: more parts than that are refused.
    `required_text`: an opt-out line that ends every message, after one line feed.
    `sender_forms`: the forms of sender that reach a phone there.
    """

    country: str | None
    alphabets: tuple[Alphabet, ...]
    edge_rule: str = "codepoint"
    concat_reference_bits: int = 8
    part_limit: int = 10
    required_text: str = ""
    sender_forms: tuple[str, ...] = SENDER_FORMS
