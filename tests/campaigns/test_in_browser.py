"""Compose and the pages of a campaign in a real browser: live, by keyboard, without JavaScript, for axe."""

import re
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser import violations
from tests.campaigns.scene import PICTURES, saved, total
from webapp import clock
from webapp.campaigns import drafts, quoting
from webapp.campaigns.models import Campaign
from webapp.db import db


def test_the_quote_follows_what_is_typed_and_the_button_carries_its_number(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    before = total(page).inner_text()
    page.evaluate("window.stayed = true")
    text = page.get_by_label("Text", exact=True)
    text.fill("Hello {first_name}")
    expect(total(page)).not_to_have_text(before)
    expect(page.locator("#schedule-button")).to_contain_text(f"Send now: {total(page).inner_text()} credits")
    expect(page.locator("#live")).to_contain_text(f"{total(page).inner_text()} credits")
    expect(text).to_be_focused()
    saved(page)
    page.reload()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Hello {first_name}")
    assert page.problems == []


def test_on_a_phone_the_total_stays_in_sight_while_the_text_is_written(window, made):
    page = window("marketer", width=360)
    page.goto(f"/campaigns/{made['draft']}/compose")
    text, bar = page.get_by_label("Text", exact=True), page.locator("#total")
    text.fill("x" * 161)
    expect(page.locator(".text-count")).to_contain_text("2 parts")
    text.scroll_into_view_if_needed()
    expect(total(page)).not_to_be_in_viewport()
    expect(bar).to_be_in_viewport(ratio=1)
    expect(bar.locator("b")).to_have_text(total(page).inner_text())
    bar.click()
    expect(total(page)).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 860})
    expect(bar).to_be_hidden()


def test_the_newest_of_many_quick_changes_wins(window, made, committed_app):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    text = page.get_by_label("Text", exact=True)
    text.fill("")
    text.press_sequentially("Sale now, {first_name}! " * 8, delay=5)
    saved(page)
    with committed_app.app_context():
        campaign = db.session.get(Campaign, made["draft"])
        draft, platform_id = drafts.draft_of(campaign), campaign.platform_id
        quoted = quoting.quote_draft(platform_id, draft, zone=ZoneInfo("Europe/Rome"), now=clock.now())
    assert draft.text == "Sale now, {first_name}! " * 8
    expect(total(page)).to_have_text(f"{quoted.credits:,}")
    page.reload()
    expect(total(page)).to_have_text(f"{quoted.credits:,}")


def test_saved_is_not_said_while_something_later_is_not(window, made, monkeypatch):
    real = drafts.save_draft
    answered = {"first": threading.Event(), "first and second": threading.Event()}

    def slowly(platform_id, campaign_id, draft, **options):
        answered[draft.text].wait(60)
        return real(platform_id, campaign_id, draft, **options)

    monkeypatch.setattr(drafts, "save_draft", slowly)
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    text, state = page.get_by_label("Text", exact=True), page.locator("#saved-state")
    before = state.locator("input[name=version]").input_value()
    with page.expect_request("**/draft"):
        text.fill("first")
    with page.expect_response("**/draft"):
        text.fill("first and second")
        answered["first"].set()
    expect(state.locator("input[name=version]")).not_to_have_value(before)
    expect(state).to_have_class(re.compile("pending"))
    answered["first and second"].set()
    saved(page)
    page.reload()
    expect(text).to_have_value("first and second")


def test_a_slow_quote_shows_that_it_works_and_never_replaces_a_newer_one(window, made, monkeypatch):
    real, answered = quoting.quote_draft, threading.Event()

    def slowly(platform_id, draft, **options):
        if "slow" in draft.text:
            answered.wait(60)
        return real(platform_id, draft, **options)

    monkeypatch.setattr(quoting, "quote_draft", slowly)
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    text, busy = page.get_by_label("Text", exact=True), page.locator("#quote-busy")
    expect(busy).to_be_hidden()
    text.fill("slow words")
    expect(busy).to_be_visible()
    text.press_sequentially(", quick", delay=1)
    expect(text).to_have_value("slow words, quick")
    text.fill("quick words")
    expect(page.locator(".bubble")).to_have_text(["quick words"])
    answered.set()
    saved(page)
    expect(busy).to_be_hidden()
    expect(page.locator(".bubble")).to_have_text(["quick words"])
    assert page.problems == []


def test_a_screen_reader_hears_a_new_total_once(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    page.evaluate(
        """() => {
          const live = document.getElementById("live");
          window.heard = [];
          new MutationObserver(() => heard.push(live.textContent.trim())).observe(live, {childList: true});
        }"""
    )
    before = total(page).inner_text()
    text = page.get_by_label("Text", exact=True)
    for words in ("Hello {first_name}", "Hello, {first_name}"):
        text.fill(words)
        expect(page.locator(".bubble").first).to_contain_text(words.partition("{")[0].strip())
        saved(page)
    assert total(page).inner_text() != before
    assert page.evaluate("heard") == [f"{total(page).inner_text()} credits"]
    assert page.problems == []


def test_lists_are_chosen_and_moved_without_leaving_the_page(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    page.evaluate("window.stayed = true")
    page.get_by_label("Another list").select_option(label="VIP")
    page.get_by_role("button", name="Add list").click()
    expect(page.locator(".chosen-lists li")).to_have_count(2)
    page.get_by_role("button", name="Move VIP up").click()
    expect(page.locator(".chosen-lists li").first).to_contain_text("VIP")
    expect(page.locator("#schedule")).to_contain_text("credits short")
    page.get_by_role("button", name="Take off VIP").click()
    expect(page.locator(".chosen-lists li")).to_have_count(1)
    expect(page.locator("#schedule-button")).to_be_visible()
    assert page.evaluate("window.stayed")
    assert page.problems == []


def test_sending_goes_from_the_draft_to_its_campaign(window, made):
    page = window("marketer")
    page.goto(f"/campaigns/{made['draft']}/compose")
    number = total(page).inner_text()
    page.locator("#schedule-button").click()
    expect(page.locator("#progress")).to_contain_text(f"Quoted {number}")
    expect(page.get_by_text(f"{number} credits are held for it")).to_be_visible()


def test_the_whole_of_compose_works_without_javascript(window, made):
    page = window("marketer", script=False)
    page.goto("/campaigns")
    page.get_by_role("button", name="New campaign").click()
    page.get_by_label("Another list").select_option(label="Shop customers")
    page.get_by_role("button", name="Add list").click()
    page.get_by_label("Name").fill("Plain")
    page.get_by_label("From").fill("SHOP")
    page.get_by_label("Text", exact=True).fill("Hello {first_name}")
    page.get_by_role("button", name="Update quote").click()
    number = total(page).inner_text()
    page.get_by_role("button", name="The next one").click()
    expect(page.locator(".preview-price")).to_contain_text("2 of 9")
    page.locator("#schedule-button").click()
    expect(page.locator("#progress")).to_contain_text(f"Quoted {number}")


def test_two_tabs_are_told_of_each_other(window, made):
    one, two = window("marketer"), window("marketer")
    for page in (one, two):
        page.goto(f"/campaigns/{made['draft']}/compose")
    one.get_by_label("Name").fill("From one")
    saved(one)
    two.get_by_label("Name").fill("From two")
    expect(two.locator("#saved-state")).to_contain_text("changed in another tab")
    two.get_by_role("button", name="Save mine over it").click()
    expect(two.get_by_label("Name")).to_have_value("From two")
    one.reload()
    expect(one.get_by_label("Name")).to_have_value("From two")


LINES_OF_WORDS = """cell => {
  const range = document.createRange(), text = cell.firstChild;
  return [...text.data.matchAll(/\\S+/g)].map((word) => {
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length;
  });
}"""


def test_the_names_of_lists_keep_their_words_whole_on_a_phone(window, made):
    page = window("admin", width=360)
    page.goto(f"/campaigns/{made['short']}/compose")
    names = page.locator(".quote-table tbody th").filter(has_text="Shop customers").all()
    assert names
    assert [name.evaluate(LINES_OF_WORDS) for name in names] == [[1, 1]] * len(names)
    for table in page.locator(".quote-table").all():
        assert table.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth"), (
            "figures are cut off"
        )


PAGES = {
    "index": ("marketer", "/campaigns"),
    "index-empty": ("newcomer", "/campaigns"),
    "index-nothing": ("marketer", "/campaigns?q=zzz"),
    "compose": ("marketer", "/campaigns/{draft}/compose"),
    "compose-short": ("admin", "/campaigns/{short}/compose"),
    "compose-short-marketer": ("marketer", "/campaigns/{short}/compose"),
    "compose-blank": ("marketer", "/campaigns/{blank}/compose"),
    "compose-wrong": ("marketer", "/campaigns/{wrong}/compose"),
    "scheduled": ("marketer", "/campaigns/{scheduled}"),
    "reschedule": ("marketer", "/campaigns/{scheduled}/reschedule"),
    "sending": ("marketer", "/campaigns/{sending}"),
    "paused": ("marketer", "/campaigns/{paused}"),
    "finished": ("marketer", "/campaigns/{finished}"),
    "messages-none": ("marketer", "/campaigns/{finished}?number=44"),
    "message": ("marketer", "/campaigns/{finished}/messages/{message}"),
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_of_campaigns_has_an_axe_violation_or_scrolls_sideways(window, made, width, dark):
    wrong = {}
    for role in ("marketer", "admin", "newcomer"):
        page = window(role, width=width, dark=dark)
        for name, (person, path) in PAGES.items():
            if person != role:
                continue
            page.goto(path.format(**made))
            for summary in page.locator("details.why > summary, details.quote-more > summary").all():
                summary.click()
            if PICTURES:
                shade = "dark" if dark else "light"
                page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{shade}.png"), full_page=True)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            found = violations(page) + ([f"{wide} pixels too wide"] if wide > 0 else [])
            if found:
                wrong[name] = found
        # Taking a picture puts a style into the page, which the policy rightly refuses.
        assert PICTURES or [line for line in page.problems if "422" not in line] == []
    assert wrong == {}


def test_confirming_says_that_it_is_at_work_and_is_asked_for_once(window, made):
    page, asked = window("marketer"), []

    def stays_where_it_is(route):
        asked.append(route)
        route.fulfill(status=204)

    page.goto(f"/campaigns/{made['draft']}/compose")
    page.route("**/schedule", stays_where_it_is)
    button = page.locator("#schedule-button")
    said = button.inner_text()
    button.click()
    expect(button).to_have_text(re.compile(r"^Confirming \d+ messages …$"))
    expect(button).to_have_attribute("aria-busy", "true")
    button.click()
    page.wait_for_timeout(200)
    assert len(asked) == 1
    page.reload()
    expect(button).to_have_text(said)
