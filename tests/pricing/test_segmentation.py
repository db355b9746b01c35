"""Texts cut into segments: the vectors, the rules of DESIGN.md, and what must hold of every text."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pricing_plugins import gsm, national_tables
from tests.pricing.strategies import INDIAN, TURKISH, literals
from webapp.pricing.api import SegmentProfile
from webapp.pricing.profiles import Profile, header_octets, profile_of, septets_per_part, units_per_part
from webapp.pricing.segmentation import count, segment, walk

VECTORS = Path(__file__).with_name("data") / "segmentation-vectors.jsonl"


def profile(**values: object) -> Profile:
    given: dict[str, object] = {"country": None, "alphabets": (gsm.GSM_7,), **values}
    return profile_of(SegmentProfile(**given))  # type: ignore[arg-type]


USUAL = profile()


def vectors() -> list[dict[str, object]]:
    return [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: f"{vector['group']}: {vector['why']}"[:80])
def test_a_vector_is_counted_as_given(vector: dict[str, object]) -> None:
    tables = vector["tables"]
    alphabets = (
        (national_tables.pair(tables["lock"], tables["shift"]),) if isinstance(tables, dict) else (gsm.GSM_7,)
    )
    rule = "codepoint" if vector["rule"] == "any" else vector["rule"]
    under = profile(alphabets=alphabets, edge_rule=rule, concat_reference_bits=vector["concat_ref_bits"])
    counted = segment(str(vector["text"]), under, as_given=True)
    assert (counted.encoding, counted.units, counted.segments) == (
        vector["encoding"],
        vector["units"],
        vector["segments"],
    )
    assert len(counted.parts) == counted.segments
    if vector["used"] is not None:
        assert [part.units for part in counted.parts] == vector["used"]


@pytest.mark.parametrize(
    ("bits", "tables", "single", "part"),
    [
        (8, 0, 160, 153),
        (16, 0, 160, 152),
        (8, 1, 155, 149),
        (16, 1, 155, 148),
        (8, 2, 152, 146),
        (16, 2, 152, 145),
    ],
)
def test_septets_follow_from_the_header(bits: int, tables: int, single: int, part: int) -> None:
    octets = {8: 5, 16: 6}[bits]
    assert septets_per_part(header_octets(0, tables)) == single
    assert septets_per_part(header_octets(octets, tables)) == part


def test_ucs2_units_follow_from_the_header() -> None:
    assert [units_per_part(header_octets(octets, 0)) for octets in (0, 5, 6)] == [70, 67, 66]


def test_every_part_says_its_text_units_and_capacity() -> None:
    counted = segment("a" * 152 + "€" + "b" * 10, USUAL)
    assert [(part.text, part.units, part.capacity) for part in counted.parts] == [
        ("a" * 152, 152, 153),
        ("€" + "b" * 10, 12, 153),
    ]
    assert counted.room == 141


def test_an_empty_text_has_no_segments_and_all_the_room() -> None:
    counted = segment("", USUAL)
    assert (counted.segments, counted.parts, counted.room) == (0, (), 160)


def test_offenders_are_named_with_place_and_replacement() -> None:
    offenders = segment("It’s 5 µ ş 😀", USUAL).offenders
    assert [(one.index, one.character, one.code_point, one.name, one.replacement) for one in offenders] == [
        (2, "’", "U+2019", "RIGHT SINGLE QUOTATION MARK", "'"),
        (7, "µ", "U+00B5", "MICRO SIGN", "u"),
        (9, "ş", "U+015F", "LATIN SMALL LETTER S WITH CEDILLA", "s"),
        (11, "😀", "U+1F600", "GRINNING FACE", None),
    ]


def test_a_text_in_a_7_bit_alphabet_has_no_offenders() -> None:
    assert segment("Γεια € {}", USUAL).encoding == "UCS-2"
    assert segment("ΓΔ € {}", USUAL).offenders == ()
    assert segment("ş" * 100, profile(alphabets=TURKISH)).offenders == ()


def test_what_no_message_can_carry_is_replaced() -> None:
    assert segment("a\x00b\x1bc", USUAL).text == "a b c"
    assert segment("a\ud83db", USUAL).text == "a\ufffdb"


def test_lines_end_with_lf_and_text_is_composed() -> None:
    counted = segment("e\u0301\r\n\rx", USUAL)
    assert (counted.text, counted.encoding, counted.units) == ("é\n\nx", "GSM-7", 4)


def test_composing_never_changes_the_look_of_a_character() -> None:
    assert segment("ﬁ①Ａ", USUAL).text == "ﬁ①Ａ"


def test_required_text_follows_one_line_feed_and_is_counted() -> None:
    france = profile(required_text="STOP 36111")
    assert segment("Bonjour", france).text == "Bonjour\nSTOP 36111"
    assert segment("Bonjour STOP 36111", france).text == "Bonjour STOP 36111"
    assert segment("Bonjour\nSTOP 36111 ", france).units == len("Bonjour\nSTOP 36111 \nSTOP 36111")
    assert segment("", france).segments == 0


def test_more_parts_than_the_limit_are_reported_and_not_cut_off() -> None:
    counted = segment("a" * 1531, USUAL)
    assert (counted.segments, counted.excess, counted.over_limit) == (11, 1, True)
    assert "".join(part.text for part in counted.parts) == "a" * 1531


def test_typography_is_replaced_only_where_that_saves_a_segment() -> None:
    short = segment("It’s", USUAL, transliterate=True)
    assert (short.text, short.replacements) == ("It’s", ())
    long = segment("It’s" + "a" * 100, USUAL, transliterate=True)
    assert (long.segments, long.text[:4]) == (1, "It's")
    assert [(one.index, one.character, one.replacement) for one in long.replacements] == [(2, "’", "'")]


def test_letters_are_never_replaced_by_themselves() -> None:
    assert segment("ş" * 100, USUAL, transliterate=True).text == "ş" * 100


def test_national_tables_are_taken_only_for_fewer_segments() -> None:
    turkish = profile(alphabets=TURKISH)
    assert segment("ş" * 70, turkish).encoding == "UCS-2"
    longer = segment("ş" * 71, turkish)
    assert (longer.encoding, longer.segments, longer.units) == ("GSM-7", 1, 71)
    assert longer.alphabet == "turkish + default"
    assert segment("a" * 160, turkish).alphabet == "GSM-7"


def test_one_more_character_never_lowers_the_count_where_national_tables_are_cheaper() -> None:
    turkish = profile(alphabets=TURKISH)
    assert segment("€" * 155, turkish).segments <= segment("€" * 155 + "ş", turkish).segments


def test_a_cluster_longer_than_a_part_begins_a_part_and_is_cut_inside() -> None:
    counted = segment("ab" + "Z" + "\u0301" * 70 + "cd", profile(edge_rule="grapheme"), as_given=True)
    assert [part.units for part in counted.parts] == [2, 67, 6]


def test_the_unit_rule_divides_and_shows_a_cut_character_once() -> None:
    counted = segment("a" * 152 + "€" + "b" * 20, profile(edge_rule="unit"))
    assert [part.units for part in counted.parts] == [153, 21]
    assert [part.text for part in counted.parts] == ["a" * 152 + "€", "b" * 20]


RULES = st.sampled_from(["codepoint", "grapheme", "unit"])
PROFILES = st.builds(
    profile,
    alphabets=st.sampled_from([(gsm.GSM_7,), TURKISH, INDIAN, ()]),
    edge_rule=RULES,
    concat_reference_bits=st.sampled_from([8, 16]),
)


@settings(max_examples=400, deadline=None)
@given(literals, PROFILES, st.booleans())
def test_joined_parts_give_the_text_back(text: str, under: Profile, as_given: bool) -> None:
    counted = segment(text, under, as_given=as_given)
    assert "".join(part.text for part in counted.parts) == counted.text
    assert sum(part.units for part in counted.parts) == counted.units
    assert all(0 < part.units <= part.capacity for part in counted.parts)


@settings(max_examples=300, deadline=None)
@given(literals, PROFILES)
def test_no_pair_is_cut(text: str, under: Profile) -> None:
    assume(under.edge_rule != "unit")
    counted = segment(text, under)
    for part in counted.parts:
        own = counted.coding.units(part.text)
        assert own == part.units
        assert part.text.encode("utf-16-le")


@settings(max_examples=400, deadline=None)
@given(literals, st.characters(), PROFILES)
def test_one_more_character_never_lowers_the_count(text: str, character: str, under: Profile) -> None:
    """Of texts counted as given: composing may well make a text shorter."""
    assert count(text, under).segments <= count(text + character, under).segments


@settings(max_examples=300, deadline=None)
@given(literals, PROFILES)
def test_the_shortcut_equals_the_walk(text: str, under: Profile) -> None:
    counted = count(text, under)
    walked = sum(1 for _ in walk(text, counted.coding, under.edge_rule)) if text else 0
    assert counted.segments == (min(walked, 1) if counted.units <= counted.coding.single else walked)


@settings(max_examples=300, deadline=None)
@given(literals, st.sampled_from([TURKISH, INDIAN]))
def test_national_tables_are_never_dearer_and_never_taken_for_nothing(
    text: str, alphabets: tuple[object, ...]
) -> None:
    allowed, not_allowed = profile(alphabets=alphabets), USUAL
    with_tables, without = count(text, allowed), count(text, not_allowed)
    if with_tables.coding.tables in (USUAL.gsm[0].tables, None):
        assert with_tables[1:] == without[1:]
    else:
        assert with_tables.segments < without.segments


@given(st.text(st.characters(codec="utf-8")))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = segment(text, USUAL).text
    assert segment(once, USUAL).text == once == unicodedata.normalize("NFC", once)
    assert not re.search("[\x00\x1b\r]", once)
