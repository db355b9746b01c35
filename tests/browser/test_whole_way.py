"""The whole way, from an empty installation to the report, as three people in three browsers.

The same steps with and without JavaScript, sent now and at a date and time. At the end the charge is
compared with the quote, with a slow count of the texts in the gateway's own store, with the report and with
its Excel file.
"""

import contextlib
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Error, Locator, Page, expect

import pricing_plugins.world_rates
from tests.browser.conftest import People
from tests.browser.counting import rate, rates, segments
from tests.browser.people_of_many_countries import Row, make_rows, write_xlsx
from tests.installation import Installation

PASSWORD = "a long enough password"
COUNTRIES = (  # noqa: SIM905 - fifty codes read best in a row
    "IT DE FR ES PT GB IE NL BE LU CH AT DK SE NO FI PL CZ SK HU RO BG GR HR SI EE LV LT TR UA IL EG ZA KE "
    "NG GH MA IN TH VN PH ID MY SG AU NZ BR MX AR CL"
).split()
PEOPLE = 5_000
TEXT = "Hi {first_name}, our shop in {shop|your town} has a surprise for you: show this message today."
FIGURES = Path(pricing_plugins.world_rates.__file__).with_name("figures.csv")
ZONE = ZoneInfo("Europe/Rome")


@pytest.fixture
def people(request: pytest.FixtureRequest, browser: Browser, installation: Installation) -> Iterator[People]:
    made = People(browser, installation.url, javascript=request.param)
    yield made
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make_rows(COUNTRIES, PEOPLE)


def number_in(text: str) -> int:
    """The first number of a text, thousands separators and all."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found.group().replace(",", ""))


def come_in(page: Page, invitation: str) -> None:
    """Choosing a password by the link of an invitation, and signing in where that is asked for."""
    page.goto(invitation)
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_label("The password again").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(page.locator("#password")).to_have_count(0)


def operator_makes_platform_and_package(page: Page) -> str:
    """Returns the invitation of the platform's first admin."""
    page.goto("/operator/packages/new")
    page.get_by_label("Credits").fill("50000")
    page.get_by_label("Price in euro").fill("1790")
    page.get_by_label("Price in US dollars").fill("1990")
    page.get_by_role("button", name="Put it on sale").click()
    expect(page.get_by_text("50,000").first).to_be_visible()
    page.goto("/operator/platforms/new")
    page.locator("#name").fill("Whole Way")
    page.locator("#admin_name").fill("Ada")
    page.locator("#admin_email").fill("ada@example.com")
    page.get_by_role("button", name="Create and invite").click()
    return page.locator("#handed-link").input_value()


def admin_invites_marketer(page: Page) -> str:
    page.goto("/people")
    page.locator("#name").fill("Marco")
    page.locator("#email").fill("marco@example.com")
    page.locator("#role").select_option("marketer")
    page.get_by_role("button", name="Invite", exact=True).click()
    return page.locator("#handed-link").input_value()


def admin_orders(page: Page) -> None:
    page.goto("/buy?country=IT&currency=EUR")
    page.get_by_role("link", name="50,000").click()
    page.get_by_role("button", name=re.compile("Order 50,000 credits")).click()
    expect(page).to_have_url(re.compile(r"/orders/\d+"))


def operator_records_payment(page: Page) -> None:
    page.goto("/operator/orders")
    page.get_by_role("link", name=re.compile(r"^Order \d+$")).first.click()
    page.get_by_label("reference").fill("Transfer 4711")
    page.get_by_role("button", name=re.compile("Record the payment")).click()
    expect(page.get_by_role("link", name=re.compile("Receipt"))).to_be_visible()


def marketer_imports(page: Page, file: Path, javascript: bool) -> None:
    page.goto("/lists/new")
    page.get_by_label("Name").fill("Everybody")
    page.get_by_role("button", name="Make the list").click()
    page.get_by_role("link", name="Import a file").first.click()
    page.get_by_label("CSV or Excel file").set_input_files(file)
    page.get_by_role("button", name="Look at the file").click()
    expect(page.locator("[name=use-0]")).to_have_value("phone")
    page.get_by_role("button", name="See what will happen").click()
    wait_for(page, page.get_by_role("button", name=re.compile("Import 5,000 people")), javascript)
    page.get_by_role("button", name=re.compile("Import 5,000 people")).click()
    wait_for(page, page.get_by_role("link", name="To the list"), javascript)
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"rows read\s*5,002"))
    page.goto("/lists")
    expect(page.get_by_text("5,000").first).to_be_visible()


def wait_for(page: Page, locator: Locator, javascript: bool) -> None:
    """Waits until it is there; without JavaScript a person looks again now and then."""
    for _ in range(90):
        try:
            expect(locator).to_have_count(1, timeout=2_000)
            return
        except AssertionError:
            if not javascript:
                with contextlib.suppress(Error):  # the page has just begun to reload itself
                    page.reload()
    expect(locator).to_have_count(1)


def admin_assigns(page: Page) -> None:
    page.goto("/assign")
    page.get_by_label(re.compile("Credits set aside for Everybody")).fill("45000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Everybody.*limited.*45,000"))).to_be_visible()


def marketer_composes(page: Page, send_local: str | None, javascript: bool) -> int:
    """Returns the credits that the page quotes."""
    page.goto("/campaigns")
    page.get_by_role("button", name="New campaign").click()
    page.get_by_label("Another list").select_option(label="Everybody")
    page.get_by_role("button", name="Add list").click()
    expect(page.locator(".chosen-lists")).to_contain_text("Everybody")
    page.get_by_label("Name").fill("Surprise")
    page.get_by_label("From").fill("SHOP")
    page.get_by_label("Text", exact=True).fill(TEXT)
    if send_local:
        page.get_by_label("At", exact=True).check()
        page.get_by_label("Date and time").fill(send_local)
    if not javascript:
        page.get_by_role("button", name="Update quote").click()
    expect(page.locator("[data-figure=people]")).to_have_text("5,000 people")
    button = page.locator("#schedule-button")
    expect(button).to_contain_text("Schedule" if send_local else "Send now")
    quoted = number_in(page.locator("[data-figure=total]").inner_text())
    assert number_in(button.inner_text()) == quoted
    button.click()
    expect(page.locator("#progress")).to_contain_text(f"Quoted {quoted:,}")
    return quoted


def charged_when_all_is_sent(page: Page, javascript: bool) -> int:
    wait_for(page, page.get_by_text(re.compile("All of it is with the gateway")), javascript)
    words = page.locator(".quoted-charged").inner_text()
    assert "released" not in words, words
    return number_in(words.partition("charged")[2])


def slow_count(store: Path) -> tuple[int, set[str]]:
    """Credits by an independent count over what the gateway has taken, and the numbers it was taken for."""
    table = rates(FIGURES)
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        taken = connection.execute(
            "SELECT phone, text, segments FROM message WHERE status = 'accepted'"
        ).fetchall()
    connection.close()
    assert all(segments(text) == told for _phone, text, told in taken)
    return sum(segments(text) * rate(phone, table) for phone, text, _told in taken), {
        phone for phone, *_ in taken
    }


def expected(rows: list[Row]) -> int:
    """What the rows must cost, without looking at anything the application made."""
    table = rates(FIGURES)
    texts = {
        row.phone: TEXT.replace("{first_name}", row.name).replace(
            "{shop|your town}", row.shop.strip() or "your town"
        )
        for row in rows
    }
    return sum(segments(text) * rate(phone, table) for phone, text in texts.items())


def report_says(page: Page, credits: int) -> None:
    """The report and its Excel file, down to the messages of the campaign."""
    page.goto("/reports?preset=7")
    expect(page.get_by_role("row", name=re.compile("Everybody"))).to_contain_text(f"{credits:,}")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export to Excel").click()
    book = load_workbook(io.BytesIO(Path(started.value.path()).read_bytes()), data_only=True)
    days = [
        row for row in book["Days"].iter_rows(min_row=2, values_only=True) if isinstance(row[0], datetime)
    ]
    assert sum(row[-1] for row in days) == credits
    page.get_by_role("link", name="Everybody").first.click()
    expect(page.get_by_role("row", name=re.compile("Surprise"))).to_contain_text(f"{credits:,}")


@pytest.mark.parametrize(
    ("people", "scheduled"),
    [(True, True), (False, True), (False, False)],
    ids=["javascript, at a time", "no javascript, at a time", "no javascript, now"],
    indirect=["people"],
)
def test_three_people_go_the_whole_way(
    people: People, scheduled: bool, installation: Installation, rows: list[Row], tmp_path: Path
) -> None:
    words = (
        "user",
        "create",
        "--role",
        "operator",
        "--email",
        "olga@example.com",
        "--name",
        "Olga",
        "--json",
    )
    operator, admin, marketer = people.page(), people.page(), people.page()
    come_in(operator, json.loads(installation.command(*words).stdout)["invitation"])
    come_in(admin, operator_makes_platform_and_package(operator))
    come_in(marketer, admin_invites_marketer(admin))

    admin_orders(admin)
    operator_records_payment(operator)
    file = tmp_path / "people.xlsx"
    write_xlsx(rows, file)
    marketer_imports(marketer, file, people.javascript)
    admin_assigns(admin)

    at = (datetime.now(ZONE) + timedelta(seconds=65)).strftime("%Y-%m-%dT%H:%M") if scheduled else None
    quoted = marketer_composes(marketer, at, people.javascript)
    charged = charged_when_all_is_sent(marketer, people.javascript)
    counted, phones = slow_count(installation.gateway_store)
    assert quoted == charged == counted == expected(rows)
    assert {phone.lstrip("+") for phone in phones} == {row.phone.lstrip("+") for row in rows}

    report_says(marketer, charged)
    admin.goto("/")
    expect(admin.locator("#credit-widget")).to_contain_text(f"{50_000 - charged:,}")
    verified = installation.command("ledger", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert people.troubles == []
