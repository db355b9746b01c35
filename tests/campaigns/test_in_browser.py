"""Compose and the pages of a campaign in a real browser: live, by keyboard, without JavaScript, for axe."""

import os
import random
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import serving, sign_in_browser, violations
from tests.campaigns.makers import ADA, FakeGateway, confirmed, grant, italians, make_list
from tests.personas import make_person, make_platform
from webapp import clock
from webapp.audience import suppression
from webapp.campaigns import dispatching, drafts, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.gateways.api import Accepted, Declined
from webapp.campaigns.models import Campaign, Message
from webapp.credits import engine
from webapp.db import db, transaction

PICTURES = os.environ.get("CAMPAIGN_PICTURES")
TEXT = "Hi {first_name|friend}, it’s spring: 20% off everything until Sunday. Show this at the till 🌷"
ABROAD = [
    ("DE", 491511234500),
    ("FR", 33612345600),
    ("ES", 34612345600),
    ("GB", 447911123400),
    ("PL", 48512345600),
    ("GR", 306912345600),
    ("AT", 43664123400),
    ("CH", 41791234500),
]


@pytest.fixture
def made(committed_app):
    """A platform with lists, drafts and campaigns in every state; ids by name."""
    with committed_app.app_context():
        with transaction():
            platform = make_platform("Aurora")
            ids = {role: make_person(platform, role).id for role in ("admin", "marketer")}
            empty = make_platform("Empty")
            ids["newcomer"] = make_person(empty, "marketer").id
            platform_id = platform.id
        people = [*italians(30), (393330009999, "IT", {"first_name": "Massimiliano Alessandro della Rovere"})]
        luck = random.Random(1)
        people += [
            (phone + n, country, {"first_name": luck.choice(["Anna", "Zoë", "Łukasz", "Jürgen"])})
            for country, phone in ABROAD
            for n in range(luck.randint(1, 4))
        ]
        with transaction():
            shop = make_list(platform_id, "Shop customers", people)
            vip = make_list(platform_id, "VIP", italians(6, 20))
            make_list(platform_id, "Newsletter", italians(2, 300))
        suppression.do_not_contact(platform_id, [393330000001], reason="", by="Ada", now=clock.now())
        grant(platform_id, 5000, clock.now())
        engine.set_access(platform_id, {vip: 4}, actor=ADA, now=clock.now(), key="vip")

        def draft(name, text=TEXT, lists=(shop,), send_local=""):
            content = Draft(name, "SHOP", text, send_local, lists)
            return drafts.create_draft(platform_id, content, actor=ADA, now=clock.now()).id

        ids["draft"] = draft("Spring sale")
        ids["short"] = draft("VIP evening", lists=(vip, shop))
        ids["blank"] = drafts.create_draft(platform_id, Draft(), actor=ADA, now=clock.now()).id
        ids["wrong"] = draft("Broken", text="Hi {nobody}, hello {")
        ids["scheduled"] = draft(
            "Christmas", "Merry Christmas, {first_name|friend}!", send_local="2027-12-24T09:00"
        )
        confirm(committed_app, platform_id, ids["scheduled"])
        ids["sending"] = running(platform_id)
        ids["paused"] = confirmed(platform_id, count=3, status="paused").campaign_id
        ids["finished"] = finished(platform_id)
        found = db.session.query(Message.id).filter_by(campaign_id=ids["finished"]).order_by(Message.id)
        ids["message"] = found.first()[0]
        return ids


def confirm(app, platform_id, campaign_id):
    campaign = db.session.get(Campaign, campaign_id)
    zone = scheduling.ZoneInfo("Europe/Rome")
    quoted = scheduling.quote_reschedule(campaign, campaign.send_local, zone=zone, now=clock.now())
    check = scheduling.confirms(quoted.fingerprint)
    scheduling.schedule(platform_id, campaign_id, check, zone=zone, actor=ADA, now=clock.now())


def settings_of(batch):
    from webapp.campaigns.settings import Mischief, SendingSettings

    return SendingSettings("fake", "", "k", "", Path("/"), batch, 60, 5, Mischief())


def running(platform_id):
    made = confirmed(platform_id, count=80)
    dispatching.step(made.campaign_id, FakeGateway(), settings_of(33), now=clock.now())
    return made.campaign_id


def finished(platform_id):
    made = confirmed(platform_id, count=60)
    suppression.do_not_contact(platform_id, [393330000003], reason="", by="Ada", now=clock.now())

    def answer(messages):
        return {
            message.reference: Declined("number not in service") if n == 1 else Accepted(f"g{n}")
            for n, message in enumerate(messages)
        }

    while not dispatching.step(
        made.campaign_id, FakeGateway(answers=[answer]), settings_of(100), now=clock.now()
    ).over:
        pass
    with transaction() as session:
        sent = session.query(Message).filter_by(campaign_id=made.campaign_id, status="sent")
        for n, message in enumerate(sent.order_by(Message.id)):
            message.delivery, message.delivered_at = "failed" if n % 11 == 5 else "delivered", clock.now()
    return made.campaign_id


@pytest.fixture
def address(committed_app, made):
    with serving(committed_app) as address:
        yield address


@pytest.fixture
def window(browser, committed_app, address, made):
    """Opens a page as a person: window("admin", width=360, dark=True, script=False)."""
    opened = []

    def open_as(person="marketer", *, width=1280, dark=False, script=True):
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        opened.append(context)
        sign_in_browser(context, committed_app, address, made[person])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.problems = []
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        return page

    yield open_as
    for context in opened:
        context.close()


def total(page):
    return page.locator("[data-figure=total]")


def saved(page):
    """Waits until the draft has saved itself."""
    expect(page.locator("#saved-state.pending")).to_have_count(0)
    expect(page.locator(".saved-words")).to_be_visible()


def test_the_quote_follows_what_is_typed_and_the_button_carries_its_number(window, made):
    page = window()
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


def test_the_newest_of_many_quick_changes_wins(window, made):
    page = window()
    page.goto(f"/campaigns/{made['draft']}/compose")
    text = page.get_by_label("Text", exact=True)
    text.fill("")
    text.press_sequentially("Sale now, {first_name}! " * 8, delay=5)
    expect(page.locator(".text-count")).to_contain_text("2 parts")
    saved(page)
    page.reload()
    expect(text).to_have_value("Sale now, {first_name}! " * 8)


def test_lists_are_chosen_and_moved_without_leaving_the_page(window, made):
    page = window()
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


def test_a_field_is_put_where_the_cursor_is(window, made):
    page = window()
    page.goto(f"/campaigns/{made['draft']}/compose")
    text = page.get_by_label("Text", exact=True)
    text.fill("Hi , bye")
    text.evaluate("one => one.setSelectionRange(3, 3)")
    page.get_by_role("button", name="{first_name}").click()
    expect(text).to_have_value("Hi {first_name}, bye")
    expect(page.locator(".bubble").first).to_contain_text("Hi ")


def test_a_character_is_replaced_by_its_button_and_the_saving_is_true(window, made):
    page = window()
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


@pytest.mark.parametrize("script", [True, False], ids=["htmx", "plain"])
def test_trimming_is_read_before_it_is_taken_and_taken_back_after(window, made, script):
    page = window(script=script, width=360)
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
    page = window(width=width, dark=dark)
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
    page = window()
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


def test_sending_goes_from_the_draft_to_its_campaign(window, made):
    page = window()
    page.goto(f"/campaigns/{made['draft']}/compose")
    number = total(page).inner_text()
    page.locator("#schedule-button").click()
    expect(page.locator("#progress")).to_contain_text(f"Quoted {number}")
    expect(page.get_by_text(f"{number} credits are held for it")).to_be_visible()


def test_the_whole_of_compose_works_without_javascript(window, made):
    page = window(script=False)
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
    one, two = window(), window()
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
