"""A real browser for tests: Chromium without a network, the application served to it, and axe.

Import the fixture `chromium` where it is used; `serving(app)` gives the address of the application.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from tests.personas import session_of
from webapp.accounts.models import User
from webapp.db import db, transaction

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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium of the system, or the test is an error: `make test` installs it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium found: install it, or run `make test`, which does"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on a free port of this machine, in threads; gives its address."""
    app.config["SERVER_NAME"] = None
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sign_in_browser(context: BrowserContext, app: Flask, address: str, person_id: int) -> None:
    """Signs the person in without the form: the browser gets the cookie of a session of theirs."""
    with app.app_context(), transaction():
        held = session_of(db.session.get_one(User, person_id))
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    name = app.session_interface.get_cookie_name(app)
    context.add_cookies([{"name": name, "value": signer.dumps(held), "url": address}])


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it is now, every rule switched on: rule and elements."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {', '.join(str(node['target']) for node in each['nodes'])}" for each in found]
