"""The pictures of the README: `make screenshots`.

Starts an installation with the example platform in a folder of its own and takes every page, wide and at
360 px, light and dark, into instance/pages; those the README shows go to docs/screenshots.
"""

import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser import FLAGS, chromium_path, example
from tests.browser.pages import PAGES
from tests.installation import Installation, installed
from webapp.processes import postgres

ROOT = Path(__file__).parents[2]
EVERYTHING = ROOT / "instance" / "pages"
SHOWN = ROOT / "docs" / "screenshots"
README = {
    "compose": ("marketer", "/campaigns/8/compose"),
    "reports": ("marketer", "/reports"),
    "buy": ("admin", "/buy?country=IT&currency=EUR"),
    "assign": ("admin", "/assign"),
    "campaign": ("marketer", "/campaigns/4"),
}
SIZES = {"wide": {"width": 1280, "height": 860}, "phone": {"width": 360, "height": 740}}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sms-shots-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = postgres.locate(folder / "pg")
        with postgres.running(cluster, remove=True):
            postgres.ensure_database(cluster, "shots")
            # Receipts come when the example's campaigns are written, not before.
            late = {"SMS_CREDITS_SANDBOX_RECEIPT_DELAY_S": "5"}
            with installed(cluster.url("shots"), folder / "instance", **late) as made:
                take_all(made, example.fill(made))


def take_all(installation: Installation, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for name, (role, path) in README.items():
            take_one(browser, installation, password, role, path, SHOWN / f"{name}.png")
        if os.environ.get("ONLY") != "readme":
            for role in PAGES:
                take_pages_of(browser, installation, password, role)
        browser.close()


def take_one(
    browser: Browser, installation: Installation, password: str, role: str, path: str, to: Path
) -> None:
    context = example.sign_in(browser, installation, role, password, viewport=SIZES["wide"])
    shoot(context, path, to, full_page=False)
    context.close()


def take_pages_of(browser: Browser, installation: Installation, password: str, role: str) -> None:
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            context = example.sign_in(
                browser, installation, role, password, viewport=viewport, color_scheme=scheme
            )
            for path in PAGES[role]:
                name = path.strip("/").replace("/", "-").replace("?", "-").replace("&", "-") or "home"
                shoot(context, path, EVERYTHING / f"{role}-{name}-{size}-{scheme}.png", full_page=True)
            context.close()


def shoot(context: BrowserContext, path: str, to: Path, *, full_page: bool) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=to, full_page=full_page, animations="disabled")
    page.close()


if __name__ == "__main__":
    main()
