"""An installation with the example platform, and people signed in to it."""

from playwright.sync_api import Browser, BrowserContext

from tests.installation import Installation


def fill(installation: Installation) -> str:
    """Makes the example platform; the password of all its people."""
    made = installation.command("demo")
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()[0].rpartition(" ")[2]


def sign_in(
    browser: Browser, installation: Installation, role: str, password: str, **options: object
) -> BrowserContext:
    """A browser window in which this person has signed in; nobody stays signed out."""
    context = browser.new_context(base_url=installation.url, **options)
    context.set_default_timeout(90_000)
    if role != "nobody":
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_label("E-mail address").fill(f"{role}@example.com")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.close()
    return context
