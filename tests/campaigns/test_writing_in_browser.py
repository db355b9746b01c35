"""Writing a text in a real browser: its marks, and what is offered to make it cheaper, by keyboard too."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import violations
from tests.campaigns.scene import PICTURES, total


def test_a_field_is_put_where_the_cursor_is(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    text = page.get_by_label("Text", exact=True)
    text.fill("Hi , bye")
    text.evaluate("one => one.setSelectionRange(3, 3)")
    page.get_by_role("button", name="{first_name}").click()
    expect(text).to_have_value("Hi {first_name}, bye")
    expect(page.locator(".bubble").first).to_contain_text("Hi ")


def test_a_character_is_replaced_by_its_button_and_the_saving_is_true(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    page.get_by_label("Text", exact=True).fill("It’s spring" + " and all is new" * 9)
    expect(page.locator(".text-count")).to_contain_text("3 parts")
    offer = page.locator(".offers li").first
    expect(offer).to_contain_text("3 parts to 1")
    before = int(total(page).inner_text())
    words = offer.inner_text()
    page.get_by_role("button", name="Replace by '").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("It's spring" + " and all is new" * 9)
    expect(page.locator(".text-count")).to_contain_text("1 part")
    assert f"saves {before - int(total(page).inner_text())} credits" in words
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("It’s spring" + " and all is new" * 9)


@pytest.mark.parametrize("script", [True, False], ids=["htmx", "plain"])
def test_trimming_is_read_before_it_is_taken_and_taken_back_after(window, made, script):
    page = window("marketer", script=script, width=360)
    page.goto(f"/campaigns/{made['draft']}/compose")
    text, other = page.get_by_label("Text", exact=True), page.locator("#other")
    long = "Hello {first_name|friend}" + ", all of it is new" * 8
    text.fill(long)
    if not script:
        page.get_by_role("button", name="Update quote").click()
    expect(page.locator(".offers")).to_contain_text("of it is new”: saves")
    page.get_by_role("button", name="See it shorter").focus()
    page.keyboard.press("Enter")
    expect(other).to_be_focused()
    shorter = other.input_value()
    assert long.startswith(shorter)
    assert len(shorter) < len(long)
    expect(text).to_have_value(long)
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"trim-{script}.png"), full_page=True)
    elif script:  # axe is a script itself
        assert violations(page) == []
    page.get_by_role("button", name="Use the other").click()
    expect(text).to_have_value(shorter)
    expect(page.get_by_label("The text before")).to_have_value(long)
    page.get_by_role("button", name="Take it back").click()
    expect(text).to_have_value(long)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_a_mark_shows_its_offer_beside_it_and_the_keyboard_reaches_it(window, made, width, dark):
    page = window("marketer", width=width, dark=dark)
    page.goto(f"/campaigns/{made['draft']}/compose")
    text, offer = page.get_by_label("Text", exact=True), page.locator(".beside")
    text.fill("All is new, it’s\u00a0spring" + " and all is new" * 9)
    expect(page.locator(".offers")).to_contain_text("No-break space")
    text.focus()
    text.evaluate("one => one.setSelectionRange(2, 2)")
    text.press("ArrowRight")
    expect(offer).to_have_count(0)
    text.evaluate("one => one.setSelectionRange(13, 13)")
    text.press("ArrowRight")
    expect(offer).to_contain_text("Right single quotation mark, once")
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"beside-{width}.png"))
    else:
        assert violations(page) == []
    page.keyboard.press("Escape")
    expect(offer).to_have_count(0)
    text.press("ArrowRight")
    text.press("ArrowLeft")
    page.keyboard.press("Tab")
    expect(offer.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(text).to_have_value("All is new, it's\u00a0spring" + " and all is new" * 9)
    expect(offer).to_have_count(0)
    assert PICTURES or page.problems == []


def test_costly_characters_and_cuts_are_marked_where_they_are_written(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    text = page.get_by_label("Text", exact=True)
    text.fill("It’s\u00a0[5 €] {{off}} for {first_name}" + " and all is new" * 9)
    mirror = page.locator(".mirror")
    expect(mirror.locator("mark.offender")).to_have_text(["’", "\u00a0"])
    expect(mirror.locator("mark[data-drawn='\u237d']")).to_have_count(1)
    expect(mirror.locator(".cut")).to_have_count(2)
    text.fill("[5 €] {{off}} for {first_name}, line by line\n" * 4)
    expect(page.locator(".text-count")).to_contain_text("GSM-7")
    expect(mirror.locator("mark.offender")).to_have_count(0)
    expect(mirror.locator("mark.wide")).to_have_text(["[", "€", "]", "{{", "}}"] * 4)
    same = "(one, two) => one.clientWidth === two.clientWidth && one.scrollHeight === two.scrollHeight"
    assert page.evaluate(f"({same})(document.getElementById('text'), document.querySelector('.mirror'))"), (
        "the layer wraps as the text does"
    )
    assert mirror.get_attribute("aria-hidden") == "true"
    assert page.problems == []
