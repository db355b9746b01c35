"""The price page, the buy page and the orders in a real browser, with and without JavaScript."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import violations
from tests.personas import make_person, make_platform
from tests.shop.conftest import SELLER, on_sale
from webapp import clock
from webapp.credits import engine
from webapp.credits.expiry import add_months, rome_day
from webapp.db import transaction
from webapp.shop.packages import Terms, retire_package
from webapp.shop.seller import Particulars, change_seller

PACKAGES = (
    (1_000, 4_500, 5_000),
    (5_000, 20_000, 22_500),
    (10_000, 36_000, 40_000),
    (50_000, 160_000, 178_000),
)
PICTURES = os.environ.get("SHOP_PICTURES")


@pytest.fixture
def people(committed_app):
    """An admin with credits of several expiry days, and an operator; packages on sale: their ids by role."""
    with committed_app.app_context():
        for credits, eur, usd in PACKAGES:
            on_sale(Terms(credits, 24, usd, eur))
        retire_package(on_sale(Terms(2_000, 12, 9_900, 9_000)), actor=SELLER, now=clock.now())
        account = "Aurora Media\nIBAN IT60 X054 2811 1010 0000 0123 456\nBIC BLOPIT22"
        change_seller(
            Particulars("Aurora Media srl\nVia Roma 1\n20121 Milano", account, account),
            actor=SELLER,
            now=clock.now(),
        )
        with transaction():
            platform = make_platform("Borealis")
            people = {
                role: make_person(platform if role != "operator" else None, role).id
                for role in ("admin", "operator")
            }
            platform_id = platform.id
        today = rome_day(clock.now())
        for credits, months in ((2_000, 3), (480, 14), (100, 40), (20, None)):
            engine.grant(
                platform_id,
                credits,
                expires_on=add_months(today, months) if months else None,
                reason="bonus",
                actor=SELLER,
                now=clock.now(),
                key=f"grant {credits}",
            )
        return people


def test_choosing_a_country_swaps_the_table_and_pushes_the_address(window):
    page = window()
    page.goto("/prices?country=IT&currency=EUR")
    page.evaluate("window.stayed = true")
    page.get_by_label("I write to people in").select_option("US")
    expect(page.locator("caption")).to_have_text("Prices in EUR, messages to United States")
    assert page.url.endswith("/prices?country=US&currency=EUR")
    page.get_by_label("I pay in").focus()
    page.get_by_label("I pay in").select_option("USD")
    expect(page.locator("caption")).to_have_text("Prices in USD, messages to United States")
    assert page.url.endswith("/prices?country=US&currency=USD")
    assert page.evaluate("window.stayed"), "the page was never loaded anew"
    expect(page.get_by_label("I pay in")).to_be_focused()
    page.go_back()
    expect(page.locator("caption")).to_have_text("Prices in EUR, messages to United States")
    expect(page.get_by_label("I pay in")).to_have_value("EUR")
    assert page.problems == []


def test_without_javascript_the_same_choice_is_made_with_a_button(window):
    page = window(script=False)
    page.goto("/prices")
    page.get_by_label("I write to people in").select_option("US")
    page.get_by_label("I pay in").select_option("USD")
    page.get_by_role("button", name="Show prices").click()
    expect(page.locator("caption")).to_have_text("Prices in USD, messages to United States")
    assert page.url.endswith("/prices?country=US&currency=USD")


@pytest.mark.parametrize("script", [True, False])
def test_from_choosing_a_package_to_its_receipt_as_two_people(window, script):
    ada, olga = window("admin", script=script), window("operator", script=script)
    ada.goto("/buy?country=IT&currency=EUR&back=/campaigns")
    ada.get_by_role("link", name="10,000", exact=True).click()
    expect(ada.get_by_role("heading", name="10,000 credits for €360.00")).to_be_visible()
    ada.get_by_label("I pay in").select_option("USD")
    if not script:
        ada.get_by_role("button", name="Show prices").click()
    expect(ada.get_by_role("heading", name="10,000 credits for $400.00")).to_be_visible()
    ada.get_by_role("button", name="Order 10,000 credits for $400.00").click()
    expect(ada.get_by_role("heading", name="Please transfer $400.00")).to_be_visible()
    expect(ada.get_by_role("link", name="Back to where you were")).to_have_attribute("href", "/campaigns")
    reference = ada.locator(".reference-large").inner_text()

    olga.goto("/operator/orders")
    olga.get_by_label("Reference or number of an order").fill(reference)
    if not script:
        olga.get_by_role("button", name="Find").click()
    olga.get_by_role("link", name="Order 1", exact=True).click()
    olga.get_by_label("Reference of the payment").fill("   ")
    olga.get_by_role("button", name="Record the payment of $400.00").click()
    expect(olga.get_by_text("Enter the reference of the payment.")).to_be_visible()
    olga.get_by_label("Reference of the payment").fill("bank 4711")
    olga.get_by_role("button", name="Record the payment of $400.00").click()
    expect(olga.get_by_role("link", name="Receipt 1")).to_be_visible()

    ada.reload()
    ada.get_by_role("link", name="Receipt 1").click()
    expect(ada.get_by_text("bank 4711")).to_be_visible()
    expect(ada.get_by_role("cell", name="$400.00").last).to_be_visible()
    assert [line for line in ada.problems + olga.problems if "422" not in line] == []


def test_cancelling_asks_once_and_works_by_keyboard(window):
    page = window("admin")
    page.goto("/buy")
    page.get_by_role("button", name="Order 1,000 credits").press("Enter")
    expect(page.get_by_role("heading", name="Please transfer")).to_be_visible()
    page.locator("summary", has_text="Cancel the order").press("Enter")
    page.get_by_role("button", name="Cancel the order").press("Enter")
    expect(page.get_by_text("The order is cancelled.")).to_be_visible()


PAGES = {
    "prices": (None, "/prices?country=DE&currency=EUR"),
    "wrong": (None, "/prices?country=XX&currency=GBP"),
    "buy": ("admin", "/buy?country=IT&package=3&back=/campaigns"),
    "own-orders": ("admin", "/orders"),
    "own-order": ("admin", "/orders/1"),
    "own-paid": ("admin", "/orders/2"),
    "receipt": ("admin", "/orders/2/receipt"),
    "packages": ("operator", "/operator/packages"),
    "new-package": ("operator", "/operator/packages/new"),
    "package": ("operator", "/operator/packages/1"),
    "orders": ("operator", "/operator/orders"),
    "order": ("operator", "/operator/orders/1"),
    "seller": ("operator", "/operator/orders/seller"),
}


@pytest.fixture
def orders(window):
    """Two orders as people make them, one of them paid."""
    ada, olga = window("admin", script=False), window("operator", script=False)
    for number in (1, 2):
        ada.goto(f"/buy?package={number}")
        ada.get_by_role("button", name="Order ").click()
    olga.goto("/operator/orders/2")
    olga.get_by_label("Reference of the payment").fill("TRN 2026-11-22 4711")
    olga.get_by_role("button", name="Record the payment").click()


def picture(page, name):
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def sideways(page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} pixels too wide"] if wide > 0 else []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_of_shop_has_an_axe_violation_or_scrolls_sideways(window, orders, width, dark):
    wrong = {}
    for role in (None, "admin", "operator"):
        page = window(role, width=width, dark=dark)
        for name, (needed, path) in PAGES.items():
            if needed == role:
                page.goto(path)
                picture(page, f"{name}-{width}-{'dark' if dark else 'light'}")
                wrong[name] = violations(page) + sideways(page)
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(("role", "path"), [(None, "/prices"), ("admin", "/buy")])
def test_the_figures_of_every_package_are_seen_on_a_phone(window, role, path):
    page = window(role, width=360)
    page.goto(f"{path}?country=IT&currency=EUR")
    hidden = page.locator(".offers-card").evaluate("each => each.scrollWidth - each.clientWidth")
    assert hidden <= 0


def test_the_price_page_and_a_receipt_print_on_one_sheet(window, orders):
    for role, path in ((None, "/prices?country=DE&currency=EUR"), ("admin", "/orders/2/receipt")):
        page = window(role)
        page.goto(path)
        printed = page.pdf(format="A4")
        assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1, path
        if PICTURES:
            (Path(PICTURES) / f"{'prices' if role is None else 'receipt'}.pdf").write_bytes(printed)
        page.emulate_media(media="print")
        assert not page.locator(".top").is_visible()
        assert not page.locator("#chooser").is_visible()


# How bright the palest word on the page is, from 0 (black) to 255 (white, and not to be seen on paper).
PALEST = """() => Math.max(...[...document.querySelectorAll("main *")]
    .filter(each => each.checkVisibility())
    .filter(each => [...each.childNodes].some(one => one.nodeType === 3 && one.data.trim()))
    .map(each => getComputedStyle(each).color.match(/\\d+/g).slice(0, 3).map(Number))
    .map(([red, green, blue]) => 0.3 * red + 0.6 * green + 0.1 * blue))"""


@pytest.mark.parametrize(
    ("role", "path"), [(None, "/prices?country=DE"), ("admin", "/orders/2/receipt"), ("admin", "/reports")]
)
def test_what_is_read_in_the_dark_theme_is_printed_dark_on_white(window, orders, role, path):
    page = window(role, dark=True)
    page.goto(path)
    assert page.evaluate(PALEST) > 200, "the words are pale on the dark screen"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(PALEST) < 130
