"""Texts, profiles, lists and templates as Hypothesis draws them: everyday ones, and the nastiest we know."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from pricing_plugins import gsm, national_tables
from webapp.pricing.api import Rate as GivenRate
from webapp.pricing.api import RateCard, SegmentProfile
from webapp.pricing.audiences import Audience, ListColumns
from webapp.pricing.books import PricingBook, Source, compile_book
from webapp.pricing.columns import Column
from webapp.pricing.numbers import country_index
from webapp.pricing.profiles import Profile, profile_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

# Letters of every cost, marks that compose or reorder, joiners, flags, jamo, line ends, what is replaced.
NASTY = [
    *"aZ @\n",
    *"€^{}[]~|\\\f",
    *"éàñçÇß",
    *"şıİğãõêłЖक",
    "ि",
    "्",
    "\u0301",
    "\u0308",
    "\u0327",
    "\u0323",
    "\u0344",
    "\u200d",
    "\u200c",
    "\ufe0f",
    "😀",
    "👨",
    "🇬",
    "🇧",
    "\u1100",
    "\u1161",
    "\u11a8",
    "가",
    "\r",
    "\r\n",
    "\n",
    "’",
    "…",
    "\u00a0",
    "\u200b",
    "\x00",
    "\x1b",
    "\ud83d",
    "\ude00",
    "\U000e0067",
    "\u0600",
    "\u2126",
    "\u0958",
    "𝒜",
]
pieces = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=2)), max_size=8).map("".join)
values = st.one_of(st.sampled_from(["", "Ada", "Grace", "Zoë", "Łukasz", "O’Neill"]), pieces)
runs = st.tuples(st.sampled_from(["a", "x ", "€", "ş", "😀", "ж", "e\u0301"]), st.integers(0, 160)).map(
    lambda drawn: drawn[0] * drawn[1]
)
literals = st.one_of(pieces, runs, st.tuples(pieces, runs, pieces).map("".join))

TURKISH = (gsm.GSM_7, *national_tables.pairs_of("turkish"))
INDIAN = (gsm.GSM_7, *national_tables.pairs_of("hindi"), *national_tables.pairs_of("urdu"))
PROFILES = [
    SegmentProfile(None, (gsm.GSM_7,)),
    SegmentProfile("TR", TURKISH),
    SegmentProfile("IN", INDIAN, edge_rule="grapheme"),
    SegmentProfile("FR", (gsm.GSM_7,), required_text="STOP 36111"),
    SegmentProfile("DE", (gsm.GSM_7,), edge_rule="grapheme", concat_reference_bits=16),
    SegmentProfile("GB", (gsm.GSM_7,), edge_rule="unit"),
    SegmentProfile("JP", ()),
    SegmentProfile("BR", (national_tables.pair("portuguese", "default"), gsm.GSM_7)),
    SegmentProfile("US", (gsm.GSM_7,), part_limit=2, sender_forms=("numeric",)),
    SegmentProfile("PL", TURKISH, required_text="’stop ş"),
]
COUNTRIES_DRAWN = ["IT", *(profile.country or "ES" for profile in PROFILES[1:]), "ES", "KP"]
CREDITS = {country: 1 + index for index, country in enumerate(COUNTRIES_DRAWN) if country != "KP"}


def book_of(profiles: list[SegmentProfile], credits_by_country: dict[str, int]) -> PricingBook:
    rates = tuple(GivenRate(country, credits) for country, credits in credits_by_country.items())
    card = RateCard("Test", rates, "ours", "none")
    return compile_book([Source("test", "1", (card,), tuple(profiles))], {})


BOOK = book_of(PROFILES, CREDITS)


def default_profile() -> Profile:
    return profile_of(PROFILES[0])


@st.composite
def templates(draw: st.DrawFn) -> str:
    """A template text over the fields a, b and c, some with defaults."""

    def escaped(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    text = escaped(draw(literals))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(["a", "b", "c"]))
        default = draw(st.one_of(st.just(""), pieces)).replace("{", "(").replace("}", ")")
        text += "{" + name + (f"|{default}" if default else "") + "}" + escaped(draw(literals))
    return text


@dataclass(frozen=True)
class Drawn:
    """An audience, and the values of its lists as they were before they became columns."""

    audience: Audience
    values: tuple[dict[str, list[str]], ...]


@st.composite
def lists(draw: st.DrawFn, list_id: int) -> tuple[ListColumns, dict[str, list[str]]]:
    size = draw(st.integers(0, 8))
    many = {"min_size": size, "max_size": size}
    phones = draw(st.lists(st.integers(39_000_000_000, 39_000_000_009), **many))
    countries = draw(st.lists(st.sampled_from(COUNTRIES_DRAWN), **many))
    flags = draw(st.lists(st.sampled_from([0, 0, 0, 0, 1, 2, 3]), **many))
    names = draw(st.sets(st.sampled_from(["a", "b", "c"]), min_size=2 if list_id > 1 else 3))
    raw = {name: draw(st.lists(values, **many)) for name in sorted(names)}
    columns = ListColumns(
        list_id,
        draw(st.integers(1, 9)),
        np.arange(list_id * 1000, list_id * 1000 + size),
        np.array(phones, np.int64),
        np.array([country_index(country) for country in countries], np.uint16),
        np.array(flags, np.uint8),
        {name: Column.measure(given) for name, given in raw.items()},
    )
    return columns, raw


@st.composite
def audiences(draw: st.DrawFn) -> Drawn:
    chosen = [draw(lists(list_id)) for list_id in range(1, 1 + draw(st.integers(1, 3)))]
    unwanted = draw(st.sets(st.integers(39_000_000_000, 39_000_000_009), max_size=3))
    columns, raw = zip(*chosen, strict=True)
    return Drawn(Audience(columns, np.array(sorted(unwanted), np.int64)), raw)
