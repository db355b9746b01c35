"""The credit widget: in every page, and by itself for the tabs that ask again every few seconds."""

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, g, make_response, render_template, request
from flask_babel import get_locale
from sqlalchemy import func, select, true

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.accounts.models import User
from webapp.credits import engine
from webapp.credits.expiry import day_in, rome_day
from webapp.credits.models import CreditPool, Hold, Lot
from webapp.credits.views import blueprint
from webapp.credits.views.links import subject_url
from webapp.credits.widget import PACE_DAYS, Widget, widget_of
from webapp.db import db
from webapp.web.htmx import answer
from webapp.web.polling import polled
from webapp.web.words import gettext as _
from webapp.web.words import ngettext

ADMINS_NAMED = 3


@blueprint.get("/widget")
@requires("admin", "marketer", "viewer")
@polled
def widget() -> Response:
    """The widget as it is now; nothing (204) when it is as the page that asks has it."""
    platform = current_platform()
    if request.args.get("seen") == mark_of(platform.id, clock.now()):
        return answer(make_response("", 204))
    return answer(render_template("credits/_widget.html", widget_polled=True))


@blueprint.app_context_processor
def in_every_page() -> dict[str, object]:
    """What the widget's fragment needs wherever it is drawn; nothing is asked before it is."""
    return {"credit_widget": credit_widget, "whom_to_ask": whom_to_ask, "subject_url": subject_url}


def credit_widget() -> Widget:
    """The widget of the person's platform, read once in a request."""
    if "credit_widget" not in g:
        g.credit_widget = read_widget(clock.now())
    widget: Widget = g.credit_widget
    return widget


def read_widget(now: datetime) -> Widget:
    """The mark is read first: what happens in between is then seen by the next question."""
    platform = current_platform()
    mark = mark_of(platform.id, now)
    today = day_in(now, ZoneInfo(platform.time_zone))
    used = engine.usage(platform.id, from_on=today - timedelta(days=PACE_DAYS - 1), to_on=today)
    return widget_of(engine.balance(platform.id, now=now), spent=used.total.credits, mark=mark, now=now)


def mark_of(platform_id: int, now: datetime) -> str:
    """A name for all that the widget shows, from one cheap statement: it changes when the widget does.

    An expiry changes it when its instant comes, though nothing was written; and so does a new day.
    """
    holds = select(
        func.count(),
        func.coalesce(func.sum(Hold.credits - Hold.captured - Hold.released), 0),
        func.max(Hold.id),
    ).where(Hold.platform_id == platform_id, Hold.open)
    due = select(func.count()).where(Lot.platform_id == platform_id, Lot.open, Lot.expires_at <= now)
    held = holds.subquery()
    state = db.session.execute(
        select(CreditPool.unassigned, CreditPool.assigned, CreditPool.received, CreditPool.moved_at, *held.c)
        .add_columns(due.scalar_subquery())
        .where(CreditPool.platform_id == platform_id)
        .join(held, true())
    ).first()
    facts = (*(state or ()), rome_day(now), str(get_locale()), current_person().role)
    return hashlib.blake2b(repr(facts).encode(), digest_size=9).hexdigest()


def whom_to_ask() -> str:
    """Who may buy and assign, for those who may not."""
    statement = (
        select(User.name)
        .where(User.platform_id == current_platform().id, User.role == "admin", User.active)
        .order_by(User.id)
    )
    names = db.session.scalars(statement.limit(ADMINS_NAMED + 1)).all()
    if not names:
        return _("Only an admin can buy and assign credits.")
    named = ", ".join(names[:ADMINS_NAMED])
    return ngettext(
        "Ask %(names)s to buy or assign credits.",
        "Ask one of the admins to buy or assign credits: %(names)s.",
        len(names),
        names=named,
    )
