"""In a browser: the page that waits while a worker confirms many messages, and where it leads."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import violations
from tests.campaigns.makers import italians
from webapp import clock
from webapp.audience import recipients
from webapp.campaigns import confirming
from webapp.campaigns.models import Campaign, CampaignList
from webapp.db import db


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(confirming, "MOST_AT_ONCE", 5)


def confirm(page, made):
    page.goto(f"/campaigns/{made['draft']}/compose")
    page.locator("#schedule-button").click()
    expect(page.locator("#confirming")).to_contain_text(re.compile(r"Confirming \d+ messages …"))


def work(app, made):
    with app.app_context():
        confirming.carry_out(made["draft"], now=clock.now())


def add_somebody(app, made):
    with app.app_context():
        platform_id = db.session.get(Campaign, made["draft"]).platform_id
        chosen = db.session.query(CampaignList.list_id).filter_by(campaign_id=made["draft"]).scalar()
        ((phone, country, values),) = italians(1, 77_000)
        recipients.add_recipient(platform_id, chosen, phone, country, values, now=clock.now())


def test_the_page_that_waits_becomes_the_page_of_the_campaign(window, made, committed_app):
    page = window("marketer")
    confirm(page, made)
    page.get_by_role("button", name="Stop").focus()
    with page.expect_response("**/confirming"):
        pass
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    work(committed_app, made)
    page.wait_for_url(f"**/campaigns/{made['draft']}")
    expect(page.locator("#progress")).to_contain_text("Sending")
    assert page.problems == []


def test_what_is_refused_by_then_leads_back_to_the_draft_with_the_reason(window, made, committed_app):
    page = window("marketer")
    confirm(page, made)
    add_somebody(committed_app, made)
    work(committed_app, made)
    page.wait_for_url("**/compose")
    expect(page.get_by_role("alert")).to_contain_text("Something changed since you looked")
    page.locator("#schedule-button").click()
    expect(page.locator("#confirming")).to_be_visible()
    assert page.problems == []


def test_without_javascript_it_loads_itself_again_and_can_be_stopped(window, made, committed_app):
    page = window("marketer", script=False)
    confirm(page, made)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#confirming")).to_contain_text("stops it")
    work(committed_app, made)
    page.wait_for_url("**/compose")
    expect(page.get_by_role("alert")).to_contain_text("stopped the confirmation: nothing was changed.")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_that_waits_has_no_axe_violation_and_fits(window, made, width, dark):
    page = window("marketer", width=width, dark=dark)
    confirm(page, made)
    assert violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
