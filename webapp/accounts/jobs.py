"""What is done behind the pages: clearing what has ended."""

from webapp import clock
from webapp.accounts import sessions
from webapp.jobs import periodic
from webapp.web import throttle


@periodic(cron="17 3 * * *", name="accounts.forget_old")
def forget_old() -> None:
    """Deletes sign-ins and counts of attempts that mean nothing any more."""
    now = clock.now()
    sessions.forget_old(now)
    throttle.forget_old(now)
