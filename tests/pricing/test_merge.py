"""Merge fields: what is a field, what is a brace, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.pricing.merge import Field, MergeError, UnknownFields, literal, parse, require_known, rewritten


def test_fields_and_defaults_are_filled_in():
    template = parse("Hi {first_name|friend}, {code}!")
    assert template.fields == ("first_name", "code")
    assert template.places == (Field("first_name", "friend"), Field("code", ""))
    assert template.render({"first_name": "Ada", "code": 7}) == "Hi Ada, 7!"
    assert template.render({"first_name": "", "code": None}) == "Hi friend, !"
    assert template.render({}) == "Hi friend, !"


def test_zero_is_a_value():
    assert parse("{a|none}").render({"a": 0}) == "0"


def test_a_field_may_be_named_by_any_words_and_stand_twice():
    template = parse("{ nome di battesimo }{ nome di battesimo |x}")
    assert template.fields == ("nome di battesimo",)
    assert template.render({"nome di battesimo": ""}) == "x"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{}}", "{}"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ("{a}}}", "1}"),
        ("{a| x }", "1"),
        ("{a||}", "1"),
        ("", ""),
    ],
)
def test_doubled_braces_are_braces(text, rendered):
    assert parse(text).render({"a": "1"}) == rendered


def test_values_are_never_expanded_again():
    assert parse("{a}{b}").render({"a": "{b}", "b": "{{"}) == "{b}{{"


@pytest.mark.parametrize(
    ("text", "index"), [("a { b", 2), ("a } b", 2), ("{a{b}}", 0), ("{}", 0), ("x{ |y}", 1), ("{a", 0)]
)
def test_braces_that_do_not_match_are_refused_with_their_place(text, index):
    with pytest.raises(MergeError) as refusal:
        parse(text)
    assert refusal.value.facts["index"] == index
    assert refusal.value.sentence.endswith(".")


def test_unknown_fields_are_refused_by_name():
    with pytest.raises(UnknownFields, match=r"\{nme\}, \{kode\}") as refusal:
        require_known(parse("{nme} {kode} {name}"), {"name"})
    assert refusal.value.facts["fields"] == ["nme", "kode"]


def test_a_literal_text_has_no_fields():
    assert literal("{a} {{").render({"a": "1"}) == "{a} {{"


@given(st.text())
def test_a_text_with_its_braces_doubled_is_itself(text):
    assert parse(text.replace("{", "{{").replace("}", "}}")).render({}) == text


@given(st.text(alphabet="ab{}| "))
def test_a_text_is_either_a_template_or_refused_with_a_place_in_it(text):
    places = [index for index, character in enumerate(text) if character in "{}"]
    try:
        template = parse(text)
    except MergeError as problem:
        place = problem.facts["index"]
    else:
        place = None
        assert len(template.literals) == len(template.places) + 1
        assert rewritten(text, lambda between: between) == text
    assert place is None or place in places


def test_rewriting_leaves_fields_and_braces_alone():
    assert rewritten("a {a|a} {{a}}", str.upper) == "A {a|a} {{A}}"
