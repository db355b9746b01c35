"""Usage over a period: all lists, then one list's campaigns, then one campaign's messages."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, request, url_for

from webapp.accounts.access import requires
from webapp.reports import messages, periods, usage, workbooks
from webapp.reports.exports import DIRECT_ROWS, row_count
from webapp.reports.periods import Period
from webapp.reports.usage import Figures, Line, Usage
from webapp.reports.views import blueprint, month_name
from webapp.reports.views.asked import NONE, Asked, asked_for, identifier, today
from webapp.web import formats
from webapp.web.frame import page_url
from webapp.web.htmx import invalid, render, wants_fragment
from webapp.web.paging import Page, page_number
from webapp.web.words import gettext as _

LINES_PER_PAGE = 50


@dataclass(frozen=True)
class StepLine:
    """A day, week or month of the chart and of the table beneath it."""

    label: str
    figures: Figures


@blueprint.get("/reports")
@requires("admin", "marketer", "viewer")
def index() -> Response:
    return report(asked_for(request.args, None, None))


@blueprint.get("/reports/lists/<list_key>")
@requires("admin", "marketer", "viewer")
def of_list(list_key: str) -> Response:
    return report(asked_for(request.args, list_key, None))


@blueprint.get("/reports/lists/<list_key>/campaigns/<campaign_key>")
@requires("admin", "marketer", "viewer")
def of_campaign(list_key: str, campaign_key: str) -> Response:
    return report(asked_for(request.args, list_key, campaign_key))


def report(asked: Asked) -> Response:
    """The page of a report, or its fragment; a period that cannot be shown is 422 and has no figures."""
    found = usage.usage(asked.scope) if asked.refusal is None else Usage()
    answer = render if asked.refusal is None else invalid
    return answer(
        "reports/usage.html",
        "reports/_usage.html",
        asked=asked,
        scope=asked.scope,
        period=asked.period,
        usage=found,
        steps=steps_of(asked.period, found),
        lines=page_of_lines(found.lines),
        messages=messages_of(asked),
        months=periods.months_until(today()),
        heading=heading_of(asked),
        export=export_of(asked, found),
        typed=request.args,
        is_fragment=wants_fragment(),
        report_url=report_url,
        key_of=key_of,
        line_name=line_name,
        message_url=message_url,
        state_words=state_words,
    )


def steps_of(period: Period, found: Usage) -> list[StepLine]:
    return [
        StepLine(step_label(period, first, last), found.between(first, last))
        for first, last in period.steps()
    ]


def step_label(period: Period, first: date, last: date) -> str:
    """How a day, a week or a month of the chart is called."""
    if period.step == "day" or first == last:
        return formats.day(first, "medium")
    if period.step == "week":
        return _("%(first)s to %(last)s", first=formats.day(first, "short"), last=formats.day(last, "medium"))
    return month_name(first)


def page_of_lines(lines: tuple[Line, ...]) -> Page[Line]:
    number = min(page_number(), max(1, -(-len(lines) // LINES_PER_PAGE)))
    shown = lines[(number - 1) * LINES_PER_PAGE : number * LINES_PER_PAGE]
    return Page(rows=shown, number=number, per_page=LINES_PER_PAGE, total=len(lines))


def messages_of(asked: Asked) -> messages.MessagePage | None:
    """The page of messages, where the report goes down to them."""
    if asked.scope.level != "messages" or asked.refusal is not None:
        return None
    return messages.page_of(asked.scope, identifier(request.args.get("before")))


def heading_of(asked: Asked) -> str:
    return asked.campaign_name or asked.list_name or _("Reports")


def export_of(asked: Asked, found: Usage) -> dict[str, object] | None:
    """Where the Excel file of this report is, and whether it is made at once or in the background."""
    if not found.total.messages:
        return None
    values = {
        "list": key_of(asked.scope.list_key),
        "campaign": key_of(asked.scope.campaign_key),
        **asked.query,
    }
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    direct = row_count(asked.scope, found) <= DIRECT_ROWS
    return {"url": url_for("reports.export", **given), "direct": direct}


def report_url(list_key: int | None = None, campaign_key: int | None = None, **query: Any) -> str:
    """The address of a report."""
    if list_key is None:
        return url_for("reports.index", **query)
    if campaign_key is None:
        return url_for("reports.of_list", list_key=key_of(list_key), **query)
    return url_for(
        "reports.of_campaign", list_key=key_of(list_key), campaign_key=key_of(campaign_key), **query
    )


def key_of(key: int | None) -> str | None:
    """How an address names a list or campaign: by its id, or "none"."""
    return None if key is None else str(key or NONE)


def line_name(line: Line, level: str) -> str:
    return workbooks.line_name(line.key, line.name, level)


def message_url(message_id: int, campaign_id: int | None) -> str | None:
    """The page of a message, where there is one."""
    if not campaign_id:
        return page_url("campaigns.single", message_id=message_id)
    return page_url("campaigns.message", campaign_id=campaign_id, message_id=message_id)


def state_words(state: str) -> tuple[str, str]:
    """What became of a charged message, and the tone of its badge."""
    known = {
        "sent": (_("sent"), "busy"),
        "delivered": (_("delivered"), "good"),
        "failed": (_("failed"), "bad"),
        "unknown": (_("unknown"), "wait"),
    }
    return known.get(state, (state, "plain"))
