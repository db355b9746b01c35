"""Home, by role: the operator's is the table of platforms."""

from datetime import date

from flask import Flask, Response, redirect, render_template, url_for
from flask_babel import format_date
from werkzeug.wrappers import Response as Answer

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.accounts.models import PLATFORM_ROLES, ROLES, Platform
from webapp.credits import engine
from webapp.credits.expiry import last_usable_day, rome_day
from webapp.home import months, overview
from webapp.web.formats import day
from webapp.web.htmx import answer
from webapp.web.polling import polled


@requires(*ROLES)
def home() -> Answer:
    person = current_person()
    if person.role == "operator":
        return redirect(url_for("accounts.platforms"), 303)
    platform = current_platform()
    context = of_everybody(platform)
    if person.role == "admin":
        context |= of_admins(platform)
    drawn = {
        "points_by_day": points_by_day,
        "points_by_month": points_by_month,
        "last_usable": last_usable_day,
    }
    return answer(render_template("home/home.html", **context, **drawn))


def points_by_day(days: list[tuple[date, int]]) -> list[tuple[str, int]]:
    return [(day(on, "short"), credits) for on, credits in days]


def points_by_month(days: list[tuple[date, int]]) -> list[tuple[str, int]]:
    return [(str(format_date(on, "MMM y")), credits) for on, credits in days]


def of_everybody(platform: Platform) -> dict[str, object]:
    used = overview.used(platform, clock.now())
    return {
        "steps": overview.steps(platform.id),
        "running": overview.running(platform.id),
        "scheduled": overview.scheduled(platform.id),
        "drafts": overview.drafts(platform.id),
        "used": used,
        "credits_used": sum(credits for _day, credits in used),
    }


def of_admins(platform: Platform) -> dict[str, object]:
    now = clock.now()
    balance = engine.balance(platform.id, now=now)
    expiries = months.expiries(
        [(lot.expires_on, lot.credits_left) for lot in balance.lots], balance.available
    )
    today = rome_day(now)
    past = overview.past_months(platform, now)
    return {
        "balance": balance,
        "expiries": expiries,
        "past": [*past, (today, balance.available)],
        "ahead": months.ahead(expiries, balance.available, today),
        "near_limit": overview.near_limit(platform, balance, now),
        "orders": overview.orders_waiting(platform.id),
    }


@polled
@requires(*PLATFORM_ROLES)
def running() -> Response:
    """The campaigns on their way, for the page that follows them."""
    return answer(render_template("home/_running.html", running=overview.running(current_platform().id)))


def init_app(app: Flask) -> None:
    app.add_url_rule("/", "accounts.home", home, methods=["GET"])
    app.add_url_rule("/running", "accounts.running", running, methods=["GET"])
