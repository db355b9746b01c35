"""A hundred thousand texts against the slow, obvious count."""

import random

import pytest

from pricing_plugins import gsm, national_tables
from tests.pricing import reference
from webapp.pricing.api import SegmentProfile
from webapp.pricing.profiles import Profile, profile_of
from webapp.pricing.segmentation import segment

TEXTS = 100_000
ALPHABETS = {
    "ascii": "abcdefghij ABC 0123 .,",
    "gsm": "aé@£Δ\nñü ",
    "extension": "ab€{}[]^~|\\\f",
    "turkish": "aşığİ€c",
    "portuguese": "aãõêç^€",
    "hindi": "कखगि्aअ ",
    "urdu": "ابتث a۱",
    "cyrillic": "жйё ab",
    "emoji": "a😀👨\u200d👩🇬🇧\ufe0f❤",
    "marks": "ae\u0301\u0308\u0327क्षि",
    "jamo": "\u1100\u1161\u11a8가a",
    "odd": "\r\n\u0600\u200b\u00a0’a𝒜",
}
PAIRS = {
    "gsm": (("default", "default"),),
    "turkish": (
        ("default", "default"),
        ("default", "turkish"),
        ("turkish", "default"),
        ("turkish", "turkish"),
    ),
    "urdu": (("default", "default"), ("default", "urdu"), ("urdu", "default"), ("urdu", "urdu")),
    "this very pair": (("portuguese", "portuguese"),),
    "mixed pair": (("hindi", "turkish"),),
    "none": (),
}
SHORT = [0, 1, 5, 20, 66, 67, 68, 69, 70, 71]
LONG = [133, 134, 135, 146, 149, 152, 153, 154, 155, 156, 160, 161, 201, 306]


def profiles() -> dict[tuple[str, str, int], Profile]:
    made = {}
    for name, pairs in PAIRS.items():
        alphabets = tuple(
            gsm.GSM_7 if pair == ("default", "default") else national_tables.pair(*pair) for pair in pairs
        )
        for rule in ("codepoint", "grapheme", "unit"):
            for bits in (8, 16):
                made[name, rule, bits] = profile_of(SegmentProfile(None, alphabets, rule, bits))
    return made


def random_text(source: random.Random) -> str:
    """A text near a boundary, of one alphabet or of two, most of it one letter."""
    alphabet = "".join(
        ALPHABETS[name] for name in source.sample(list(ALPHABETS), source.choice([1, 1, 1, 2]))
    )
    length = max(0, source.choice(SHORT if source.random() < 0.6 else LONG) + source.randint(-3, 3))
    common = source.choice(alphabet)
    odd = source.choice([0.02, 0.1, 0.5, 1.0])
    return "".join(source.choice(alphabet) if source.random() < odd else common for _ in range(length))


@pytest.mark.parametrize("seed", range(4))
def test_texts_are_counted_like_the_reference(seed: int) -> None:
    source = random.Random(seed)
    kinds = list(profiles().items())
    for _ in range(TEXTS // 4):
        (name, rule, bits), profile = source.choice(kinds)
        text = random_text(source)
        expected = reference.count(text, rule=rule, bits=bits, pairs=PAIRS[name])
        found = segment(text, profile, as_given=True)
        about = (text, name, rule, bits)
        assert (found.encoding, found.units, found.segments) == (
            expected.encoding,
            expected.units,
            expected.segments,
        ), about
        assert tuple(part.units for part in found.parts) == expected.used, about
        assert tuple(part.text for part in found.parts) == expected.texts, about


def test_the_tables_of_the_plugins_are_those_of_the_standard() -> None:
    locking, single_shift = national_tables.tables()
    for language, letters in reference.LOCKING.items():
        assert set(locking[language]) - {"\x00", "\x1b"} == letters
    for language, letters in reference.SINGLE_SHIFT.items():
        assert set(single_shift[language]) - {"\x00"} == letters
