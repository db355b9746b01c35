"""No page breaks a rule of axe, in light and in dark, with every drop-down closed and open."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext
from werkzeug.exceptions import HTTPException

from tests.browser import example, violations
from tests.browser.pages import NO_PAGES, PAGES
from tests.conftest import Databases
from tests.installation import Installation, installed

# What of a page does not fit: the page is wider than its window, a table would scroll sideways in its
# frame or sticks out of its card, a card that opened under its button is cut off.
MISFITS = """() => [
    ...["html", ".table-responsive"].flatMap(where => [...document.querySelectorAll(where)])
        .filter(each => each.scrollWidth > each.clientWidth + 1),
    ...[...document.querySelectorAll(".card:not(.table-responsive) table")]
        .filter(each => each.getBoundingClientRect().right
            > each.closest(".card").getBoundingClientRect().right + 1),
    ...[...document.querySelectorAll(".confirm[open] > .drop-card")].filter(each => {
        const {left, right} = each.getBoundingClientRect()
        return left < 0 || right > innerWidth
    }),
].map(each => `${each.tagName} ${each.className}: ${each.textContent.trim().slice(0, 40)}`)"""
OPEN_EVERYTHING = "() => document.querySelectorAll('details').forEach(each => each.open = true)"
pytestmark = pytest.mark.xdist_group("example")


@pytest.fixture(scope="module")
def filled(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, str]]:
    """The example platform and the password of its people."""
    assert databases.template
    name = databases.create(databases.template)
    with installed(databases.url(name), tmp_path_factory.mktemp("example")) as made:
        yield made, example.fill(made)
    databases.drop(name)


def walk(context: BrowserContext, paths: tuple[str, ...]) -> list[str]:
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(f"{error.page and error.page.url}: {error.error}"))
    for path in paths:
        page = context.new_page()
        answer = page.goto(path)
        assert answer is not None
        assert answer.status < 500, path
        if (
            answer.status >= 400
            and path != "/no-such-page"
            and "nonsense" not in path
            and "from=" not in path
        ):
            wrong.append(f"{path}: {answer.status}")
        wrong += violations(page)
        page.evaluate(OPEN_EVERYTHING)
        wrong += violations(page)
        page.close()
    return wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("role", PAGES)
def test_no_page_breaks_a_rule_of_axe(
    browser: Browser, filled: tuple[Installation, str], role: str, scheme: str
) -> None:
    installation, password = filled
    context = example.sign_in(browser, installation, role, password, color_scheme=scheme)
    wrong = walk(context, PAGES[role])
    context.close()
    assert wrong == []


@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize("role", PAGES)
def test_everything_of_a_page_fits_a_phone_and_a_small_window(
    browser: Browser, filled: tuple[Installation, str], role: str, width: int
) -> None:
    installation, password = filled
    screen = {"width": width, "height": 740}
    context = example.sign_in(browser, installation, role, password, viewport=screen)
    page = context.new_page()
    misfits = []
    for path in PAGES[role]:
        page.goto(path)
        closed = page.evaluate(MISFITS)
        page.evaluate(OPEN_EVERYTHING)
        misfits += [f"{path}: {words}" for words in closed + page.evaluate(MISFITS)]
    context.close()
    assert misfits == []


def test_every_page_of_the_application_is_in_the_list(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    listed = set(NO_PAGES)
    for path in {path.partition("?")[0] for paths in PAGES.values() for path in paths}:
        try:
            listed.add(adapter.match(path)[0])
        except HTTPException:
            assert path == "/no-such-page"
    there = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert there - listed == set()
    assert set(NO_PAGES) <= there
