"""A real browser, kept off the network, and an installation for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.installation import Installation, installed

expect.set_options(timeout=60_000)  # a machine that is busy with other tests is slow, not wrong
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise RuntimeError(
        "The browser tests need Chromium: run `make test` as root, or apt-get install chromium."
    )


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return {"executable_path": chromium(), "args": [*FLAGS, NO_NAMES]}


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
