"""The marks in the field where a text is written."""

import pytest

from webapp.campaigns.previews import Preview
from webapp.campaigns.writing_marks import cuts_in_source, writing_marks
from webapp.pricing.books import offline_book
from webapp.pricing.merge import parse
from webapp.pricing.segmentation import segment


def shown(source, values=None, **options):
    template = parse(source)
    text = segment(template.render(values or {}), offline_book().profile("IT"), **options)
    return template, Preview(1, 393331111111, "IT", values or {}, text, None)


def cuts(source, values=None, **options):
    template, preview = shown(source, values, **options)
    return list(cuts_in_source(template, preview.values, preview.segmentation))


def test_a_text_without_fields_is_cut_where_its_message_is():
    assert cuts("a" * 400) == [153, 306]
    assert cuts("a" * 160) == []


def test_doubled_braces_are_one_character_of_two_units():
    assert cuts("{{" * 100) == [76 * 2]


def test_a_cut_within_a_value_stands_after_its_field():
    assert cuts("a" * 150 + "{name}" + "b" * 20, {"name": "Alexandra"}) == [156]
    assert cuts("a" * 153 + "{name}" + "b" * 20, {"name": "Alexandra"}) == [153]
    assert cuts("{name|friend}" + "b" * 160, {"name": ""}) == [13 + 147]


def test_cuts_are_counted_in_the_units_of_a_browser():
    marks = writing_marks(*shown("🌷" * 60))
    assert (marks.cuts, marks.units) == ((66,), 120)
    assert (marks.offenders, marks.wide) == ("🌷", "")


def test_characters_that_count_two_are_named_once_and_offenders_too():
    marks = writing_marks(*shown("€ [x] €"))
    assert (marks.offenders, set(marks.wide)) == ("", {"€", "[", "]"})
    assert writing_marks(*shown("It’s ’t")).offenders == "’"


@pytest.mark.parametrize("source", ["e\u0300" * 170, "a" * 159 + "…" * 20])
def test_a_text_that_is_sent_otherwise_than_written_has_no_cuts(source):
    assert cuts(source, transliterate=True) == []


def test_no_message_has_no_marks():
    assert writing_marks(None, None) is None
