"""A real browser for tests: Chromium without a network, the application served to it, and axe.

There is one browser in a process, pytest-playwright's `browser`: a second Playwright beside it cannot start.
`serving(app)` gives the address of an application of the test's own.
"""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from weakref import WeakSet

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import ThreadedWSGIServer

from tests.personas import session_of
from webapp.accounts.models import User
from webapp.db import db, transaction

expect.set_options(timeout=60_000)  # a machine that is busy with other tests is slow, not wrong
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def chromium_path() -> str:
    """The Chromium of the system, or an error that says what to do: `make test` installs it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise RuntimeError(
        "The browser tests need Chromium: run `make test` as root, or apt-get install chromium."
    )


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """How pytest-playwright starts its `browser`."""
    return {"executable_path": chromium_path(), "args": FLAGS}


class Server(ThreadedWSGIServer):
    """Closing it waits for the requests under way, so that none of them has a connection of a database that
    is going away. What a browser has opened and asked nothing on yet is not waited for."""

    daemon_threads = False

    def __init__(self, app: Flask) -> None:
        super().__init__("127.0.0.1", 0, app)
        self.accepted: WeakSet[socket.socket] = WeakSet()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        for each in list(self.accepted):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)
        super().server_close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on a free port of this machine, in threads; gives its address."""
    app.config["SERVER_NAME"] = None
    server = Server(app)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def address(committed_app: Flask, people: dict[str, int]) -> Iterator[str]:
    """The application is served at it when its people are there."""
    with serving(committed_app) as address:
        yield address


@pytest.fixture
def window(
    browser: Browser, committed_app: Flask, address: str, people: dict[str, int]
) -> Iterator[Callable[..., Page]]:
    """Opens a page as one of `people`, or as nobody: window("admin", width=360, dark=True, script=False).

    A folder gives `people`, the id of each; what the console complains of is in the page's `problems`.
    """
    opened: list[BrowserContext] = []

    def open_as(
        person: str | None = None, *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        opened.append(context)
        if person:
            sign_in_browser(context, committed_app, address, people[person])
        page = context.new_page()
        page.set_default_timeout(30_000)
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.problems = problems  # type: ignore[attr-defined]
        return page

    yield open_as
    for context in opened:
        context.close()


def sign_in_browser(context: BrowserContext, app: Flask, address: str, person_id: int) -> None:
    """Signs the person in without the form: the browser gets the cookie of a session of theirs."""
    with app.app_context(), transaction():
        held = session_of(db.session.get_one(User, person_id))
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    name = app.session_interface.get_cookie_name(app)
    context.add_cookies([{"name": name, "value": signer.dumps(held), "url": address}])


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it is, every rule switched on: address, rule, element and why."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{page.url} {each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]
