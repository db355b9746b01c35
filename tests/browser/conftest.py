"""An installation for the browser tests, and windows for its people."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.installation import Installation, installed


@pytest.fixture
def installation(committed: str, tmp_path: Path) -> Iterator[Installation]:
    """An empty installation of the test's own."""
    with installed(committed, tmp_path / "instance") as made:
        yield made


class People:
    """Opens a browser window of its own for each person."""

    def __init__(self, browser: Browser, url: str, javascript: bool) -> None:
        self.browser, self.url, self.javascript = browser, url, javascript
        self.troubles: list[str] = []

    def page(self, **options: object) -> Page:
        context = self.browser.new_context(
            base_url=self.url, java_script_enabled=self.javascript, accept_downloads=True, **options
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.note(page, said.type, said.text))
        return page

    def note(self, page: Page, kind: str, text: str) -> None:
        if kind == "error":
            self.troubles.append(f"{page.url}: {text}")
