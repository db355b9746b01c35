"""Quotes of audiences: who is left out, who pays, what is confirmed, what would be cheaper."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.pricing.strategies import BOOK, CREDITS, NOW, book_of
from webapp.pricing import counting, explanations
from webapp.pricing.audiences import Audience, ListColumns
from webapp.pricing.columns import Column
from webapp.pricing.lines import Funding
from webapp.pricing.merge import UnknownFields, parse
from webapp.pricing.numbers import COUNTRIES, country_index
from webapp.pricing.quotes import (
    AudienceQuote,
    EmptyText,
    NoRate,
    SenderNotAllowed,
    TooManySegments,
    price_audience,
    price_message,
    priced_people,
)


def people(list_id: int, *rows: tuple[int, str, str], flags: tuple[int, ...] = ()) -> ListColumns:
    """A list of (number, country, first name)."""
    numbers, countries, names = zip(*rows, strict=True) if rows else ((), (), ())
    return ListColumns(
        list_id,
        1,
        np.arange(len(rows)) + 100 * list_id,
        np.array(numbers, np.int64),
        np.array([country_index(country) for country in countries], np.uint16),
        np.array(flags or (0,) * len(rows), np.uint8),
        {"first_name": Column.measure(names)},
    )


def quote(text: str, *lists: ListColumns, unwanted: tuple[int, ...] = (), **others: object) -> AudienceQuote:
    audience = Audience(lists, np.array(sorted(unwanted), np.int64))
    return price_audience(parse(text), audience, BOOK, NOW, **others)  # type: ignore[arg-type]


ADA, BOB, EVE = (391, "IT", "Ada"), (392, "ES", "Bob"), (393, "IT", "Eve")
IT, ES = CREDITS["IT"], CREDITS["ES"]


def test_a_person_in_two_lists_gets_one_message_paid_by_the_first():
    priced = quote("Hi {first_name}", people(1, ADA, BOB), people(2, (391, "IT", "Adele"), EVE))
    assert [(line.list_id, line.recipients, line.excluded["duplicate"]) for line in priced.by_list] == [
        (1, 2, 0),
        (2, 1, 1),
    ]
    assert priced.credits == 2 * IT + ES


def test_the_order_of_lists_decides_whose_fields_are_used():
    first, second = people(1, ADA), people(2, (391, "IT", "A" * 200))
    assert quote("Hi {first_name}", first, second).segments == 1
    assert quote("Hi {first_name}", second, first).segments == 2


def test_who_unsubscribed_from_the_first_list_is_reached_through_the_second():
    priced = quote("Hi", people(1, ADA, flags=(1,)), people(2, ADA))
    assert (priced.recipients, priced.excluded["unsubscribed"], priced.excluded["duplicate"]) == (1, 1, 0)
    assert priced.rows.list_index.tolist() == [1]


def test_each_row_is_left_out_for_one_reason():
    rows = [(number, "IT", "x") for number in range(391, 396)] + [(399, "KP", "x")]
    priced = quote("Hi", people(1, *rows, flags=(3, 2, 1, 0, 0, 0)), unwanted=(391, 392, 393, 394))
    assert {reason: count for reason, count in priced.excluded.items() if count} == {
        "invalid": 2, "unsubscribed": 1, "do_not_contact": 1, "no_rate": 1,
    }  # fmt: skip
    assert priced.recipients == 1


def test_nobody_chosen_costs_nothing():
    assert quote("Hi").credits == 0
    empty = quote("Hi", people(1))
    assert (empty.credits, empty.recipients, len(empty.rows), empty.segments_histogram) == (0, 0, 0, {})


def test_unknown_fields_are_refused_by_name():
    with pytest.raises(UnknownFields, match="nme"):
        quote("Hi {nme}", people(1, ADA))


def test_a_field_that_only_another_list_has_is_empty():
    with_city = replace(people(2, BOB), fields={"city": Column.measure(["Roma"])})
    priced = quote("{city|x}{first_name}", people(1, ADA), with_city)
    assert priced.recipients == 2


def test_an_empty_text_is_left_out_and_counted():
    priced = quote("{first_name}", people(1, ADA, (392, "IT", "")))
    assert (priced.recipients, priced.excluded["empty"]) == (1, 1)


def test_too_many_segments_are_left_out_and_counted():
    priced = quote("x" * 1600, people(1, ADA))
    assert (priced.recipients, priced.excluded["too_many_segments"]) == (0, 1)


def test_a_country_that_does_not_allow_the_sender_is_left_out():
    america = people(1, (1201, "US", "Joe"), ADA)
    assert quote("Hi", america, sender="SHOP").excluded["sender"] == 1
    assert quote("Hi", america, sender="+12025550123").excluded["sender"] == 0
    assert quote("Hi", america).excluded["sender"] == 0


def test_free_lists_share_and_the_later_one_lacks():
    lists = people(1, ADA, BOB), people(2, EVE), people(3, (394, "IT", "Zoe"))
    funding = Funding(available=100, unassigned=IT + ES, limited={2: IT - 1} if IT > 1 else {2: 0})
    priced = quote("Hi", *lists, funding=funding)
    assert [(line.funding, line.available, line.shortfall) for line in priced.by_list] == [
        ("free", IT + ES, 0),
        ("limited", funding.limited[2], IT - funding.limited[2]),
        ("free", 0, IT),
    ]
    assert priced.available_after == 100 - priced.credits
    assert priced.shortfall == IT - funding.limited[2] + IT


def test_country_lines_carry_the_rate_and_where_it_comes_from():
    line = quote("Hi", people(1, ADA, EVE)).by_country[0]
    assert (line.country, line.recipients, line.credits_per_segment, line.credits) == ("IT", 2, IT, 2 * IT)
    assert (line.rate.plugin, line.rate.plugin_version) == ("test", "1")
    assert line.segments_histogram == {1: 2}


def test_rows_are_what_is_pinned():
    rows = quote("Hi", people(1, ADA, BOB), people(2, EVE), unwanted=(392,)).rows
    assert rows.recipient_ids.tolist() == [100, 200]
    assert rows.phones.tolist() == [391, 393]
    assert [COUNTRIES[index] for index in rows.country_index] == ["IT", "IT"]
    assert rows.credits.tolist() == [IT, IT]


def test_the_fingerprint_stays_while_nothing_changes():
    assert (
        quote("Hi {first_name}", people(1, ADA)).fingerprint
        == quote("Hi {first_name}", people(1, ADA)).fingerprint
    )


@pytest.mark.parametrize(
    "other",
    [
        quote("Hi {first_name}!", people(1, ADA, BOB)),
        quote("Hi {first_name}", people(1, ADA)),
        quote("Hi {first_name}", people(1, ADA, (392, "ES", "Rob"))),
        quote("Hi {first_name}", people(1, ADA, (394, "ES", "Bob"))),
        quote("Hi {first_name}", people(1, ADA, (392, "IT", "Bob"))),
        quote("Hi {first_name}", people(2, ADA, BOB)),
        quote("Hi {first_name}", people(1, ADA, BOB), sender="SHOP"),
        quote("Hi {first_name}", people(1, ADA, BOB), transliterate=True),
    ],
    ids=["text", "fewer", "value", "number", "country", "list", "sender", "typography"],
)
def test_the_fingerprint_changes_with_all_that_counts(other):
    assert quote("Hi {first_name}", people(1, ADA, BOB)).fingerprint != other.fingerprint


def test_the_fingerprint_changes_with_the_rates():
    dearer = book_of([BOOK.default_profile.source], {"IT": IT + 1})
    same = book_of([BOOK.default_profile.source], {"IT": IT})
    audience, template = Audience((people(1, ADA),)), parse("Hi")
    prints = [price_audience(template, audience, book, NOW).fingerprint for book in (same, dearer)]
    assert prints[0] != prints[1]
    later = price_audience(template, audience, same, NOW + timedelta(hours=1))
    assert later.fingerprint == prints[0]


@pytest.mark.parametrize(
    ("text", "country", "sender", "refusal"),
    [
        ("Hi", "KP", "", NoRate),
        ("Hi", None, "", NoRate),
        ("Hi", "US", "SHOP", SenderNotAllowed),
        ("", "IT", "", EmptyText),
        ("x" * 1531, "IT", "", TooManySegments),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(text, country, sender, refusal):
    with pytest.raises(refusal) as told:
        price_message(parse(text), {}, country, BOOK, NOW, sender)
    assert told.value.sentence.endswith(".")


def test_a_message_names_its_rate_and_its_text():
    priced = price_message(parse("Bonjour {first_name|ami}"), {"first_name": ""}, "FR", BOOK, NOW)
    assert priced.text == "Bonjour ami\nSTOP 36111"
    assert (priced.segments, priced.credits, priced.rate.country) == (1, CREDITS["FR"], "FR")


CROWD = [(391 + index, "IT", "Ada") for index in range(20)]


def test_replacing_one_character_says_what_it_saves():
    priced = quote("It’s {first_name} " + "a" * 130, people(1, *CROWD))
    fix = explanations.fixes(priced)[0]
    assert (fix.character, fix.replacement, fix.times) == ("’", "'", 1)
    assert (fix.saving.usual_before, fix.saving.usual_after) == (3, 1)
    assert fix.saving.credits_saved == 2 * 20 * IT
    assert quote(fix.saving.text, people(1, *CROWD)).credits == priced.credits - fix.saving.credits_saved
    assert explanations.fix_all(priced) == fix.saving


def test_replacing_one_of_two_says_so_where_it_costs_more():
    priced = quote("…😀 " + "a" * 66, people(1, *CROWD))
    (fix,) = explanations.fixes(priced)
    assert (fix.character, fix.saving.usual_before, fix.saving.usual_after) == ("…", 1, 2)
    assert fix.saving.credits_saved == -20 * IT


def test_replacing_all_is_not_offered_where_it_costs_more():
    assert explanations.fix_all(quote("…" * 70, people(1, *CROWD))) is None


def test_dropping_the_emoji_says_what_it_saves():
    priced = quote("Hi 👨‍👩‍👧 ❤️ {first_name} " + "a" * 100, people(1, *CROWD))
    saving = explanations.without_emoji(priced)
    assert saving is not None
    assert saving.text == "Hi   {first_name} " + "a" * 100
    assert saving.credits_saved == 20 * IT
    assert explanations.without_emoji(quote("Hi", people(1, *CROWD))) is None


@pytest.mark.parametrize("plain_first", [True, False])
def test_what_made_it_dearer_is_told_across_lists_of_which_one_has_no_such_values(plain_first):
    plain, other = (
        people(1, *((390 + n, "IT", "Ada") for n in range(9))),
        people(2, (500, "IT", "Łukasz"), EVE),
    )
    lists = (plain, other) if plain_first else (other, plain)
    priced = quote("x" * 100 + "{first_name}", *lists)
    (cause,) = explanations.dearer(priced).causes
    assert (cause.field, cause.why, cause.recipients, cause.samples) == (
        "first_name",
        "encoding",
        1,
        ("Łukasz",),
    )


def test_what_made_it_dearer_is_told_with_samples():
    crowd = [*CROWD, (500, "IT", "Łukasz"), (501, "IT", "Bartholomew-Maximilian")]
    told = explanations.dearer(quote("Hi {first_name}! " + "a" * 140, people(1, *crowd)))
    assert (told.usual, told.recipients, told.credits) == (1, 2, 3 * IT)
    assert {(one.field, one.why, one.recipients, one.samples) for one in told.causes} == {
        ("first_name", "encoding", 1, ("Łukasz",)),
        ("first_name", "length", 1, ("Bartholomew-Maximilian",)),
    }


def test_trimming_is_told_only_where_it_saves():
    priced = quote("{first_name} " + "a" * 160, people(1, *CROWD))
    assert [(trim.characters, trim.saving.credits_saved) for trim in explanations.trims(priced)] == [
        (5, 20 * IT),
        (10, 20 * IT),
        (20, 20 * IT),
        (40, 20 * IT),
    ]
    assert explanations.trims(quote("Hi", people(1, *CROWD))) == ()


def test_trimming_tells_which_characters_would_go():
    trim = explanations.trims(quote("{{" + "a" * 153 + " bcd}} {first_name}", people(1, *CROWD)))[0]
    assert (trim.characters, trim.cut) == (5, "bcd} ")
    assert trim.saving.text == "{{" + "a" * 153 + " {first_name}"


def test_two_wordings_are_set_side_by_side():
    priced = quote("a" * 200, people(1, *CROWD))
    other = explanations.what_if(priced, "a" * 100)
    assert (priced.credits, other.credits, other.credits_saved) == (40 * IT, 20 * IT, 20 * IT)


def test_a_later_alphabet_with_more_room_is_taken_where_it_saves():
    """Found by the property: the first alphabet of Brazil here announces a table, the second does not."""
    template, values = parse("{first_name}" + "a" * 300), {"first_name": "Ada"}
    alone = price_message(template, values, "BR", BOOK, NOW)
    assert alone.segments == 2
    for others in ((), (ADA,)):
        priced = quote(template.source, people(1, (5511, "BR", "Ada"), *others))
        assert next(line.segments for line in priced.by_country if line.country == "BR") == 2


def test_what_is_told_dearer_agrees_with_the_rows():
    crowd = [(number, country, "Ada" * (number % 9)) for number, country in enumerate(["IT", "BR"] * 40, 100)]
    priced = quote("Hi {first_name}! " + "a" * 140, people(1, *crowd))
    rows, usual = priced.rows, explanations.usual_segments(priced)
    above = rows.segments > usual
    told = explanations.dearer(priced)
    extra = (rows.credits - usual * rows.credits // rows.segments)[above].sum()
    assert (told.recipients, told.credits) == (above.sum(), extra)
    assert priced_people(priced, usual).tolist() == rows.people[above].tolist()
    assert above.any()


def test_samples_of_a_field_are_its_longest_values_first():
    lengths = np.array([3, 200, 7, 200, 0], np.uint8)
    assert explanations.longest_first(lengths).tolist() == [1, 3, 2, 0, 4]


@pytest.mark.parametrize(("default", "units"), [("𐀀", 71), ("€", 70)])
def test_a_default_takes_what_each_coding_gives_it_where_national_tables_are_allowed(
    monkeypatch, default, units
):
    """Found by the property: in UCS-2 an astral default takes two units, one of the extension takes one."""
    monkeypatch.setattr(counting, "FEW", 0)
    template = parse("{first_name|" + default + "}" + "a" * 61)
    alone = price_message(template, {"first_name": ""}, "PL", BOOK, NOW)
    assert (alone.segmentation.encoding, alone.segmentation.units) == ("UCS-2", units)
    assert quote(template.source, people(1, (48, "PL", ""))).segments == alone.segments
