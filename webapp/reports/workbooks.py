"""What the files of reports hold: the tables of each level, as sheets."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, TypeVar

from sqlalchemy import Row

from webapp.reports import messages, usage
from webapp.reports.messages import ChargedMessage
from webapp.reports.usage import Figures, Scope, Usage
from webapp.web import formats
from webapp.web.spreadsheets import Column, Sheet, Value
from webapp.web.words import gettext as _

One = TypeVar("One")
Progress = Callable[[int], None]
STEP_ROWS = 2000


@dataclass(frozen=True)
class About:
    """What a file says of itself, on its last sheet."""

    platform: str
    list_name: str | None
    campaign_name: str | None
    made_at: datetime
    zone: tzinfo


def usage_sheets(scope: Scope, about: About, progress: Progress) -> Iterator[Sheet]:
    """The sheets of a report, first what its page lists: lists, campaigns or messages.

    They are written in this order, each read to its end before the next is asked for.
    """
    if scope.level == "messages":
        yield from message_sheets(scope, about, progress)
        return
    found, details = usage.with_details(scope)
    yield line_sheet(scope, found, about.zone)
    yield day_sheet(found.days, about.zone)
    yield country_sheet(found.countries, about.zone)
    yield detail_sheet(scope, counted(details, progress), about.zone)
    yield about_sheet(scope, found.total, about)


def message_sheets(scope: Scope, about: About, progress: Progress) -> Iterator[Sheet]:
    """The messages, and sums made of these very rows."""
    days: dict[date, Figures] = defaultdict(Figures)
    countries: dict[str, Figures] = defaultdict(Figures)

    def summed() -> Iterator[ChargedMessage]:
        for message in counted(messages.all_of(scope), progress):
            figures = Figures(1, message.segments, message.credits)
            days[message.on_day] += figures
            countries[message.country] += figures
            yield message

    yield message_sheet(summed(), about.zone)
    yield day_sheet(dict(sorted(days.items())), about.zone)
    yield country_sheet(usage.dearest_first(countries), about.zone)
    yield about_sheet(scope, sum(days.values(), usage.NOTHING), about)


def figure_columns() -> list[Column]:
    return [Column(_("Messages"), "number"), Column(_("Parts"), "number"), Column(_("Credits"), "number")]


def cells(figures: Figures) -> tuple[int, int, int]:
    return figures.messages, figures.segments, figures.credits


def line_sheet(scope: Scope, found: Usage, zone: tzinfo) -> Sheet:
    title, one = (_("Lists"), _("List")) if scope.level == "lists" else (_("Campaigns"), _("Campaign"))
    rows = [(line_name(line.key, line.name, scope.level), *cells(line.figures)) for line in found.lines]
    return Sheet(title, [Column(one, width=40), *figure_columns()], rows, zone)


def line_name(key: int, name: str, level: str) -> str:
    """The name of a list or campaign, or what stands for none."""
    if name:
        return name
    if key:
        return (
            _("Campaign %(number)s", number=key) if level == "campaigns" else _("List %(number)s", number=key)
        )
    return _("No list") if level == "lists" else _("Single messages")


def day_sheet(days: Mapping[date, Figures], zone: tzinfo) -> Sheet:
    rows = [(day, *cells(figures)) for day, figures in days.items()]
    return Sheet(_("Days"), [Column(_("Day"), "day"), *figure_columns()], rows, zone)


def country_sheet(countries: Mapping[str, Figures], zone: tzinfo) -> Sheet:
    columns = [Column(_("Country"), width=32), Column(_("Country code"), width=14), *figure_columns()]
    rows = [(formats.country(code), code, *cells(figures)) for code, figures in countries.items()]
    return Sheet(_("Countries"), columns, rows, zone)


def detail_sheet(scope: Scope, rows: Iterable[Row[Any]], zone: tzinfo) -> Sheet:
    """One row a day, list, campaign and country: what a pivot table wants."""
    lists, campaigns = Names(usage.list_names, "lists"), Names(usage.campaign_names, "campaigns")
    columns = [
        Column(_("Day"), "day"),
        Column(_("List"), width=32),
        Column(_("Campaign"), width=40),
        Column(_("Country"), width=24),
        Column(_("Country code"), width=14),
        *figure_columns(),
    ]
    cells_of: Iterator[tuple[Value, ...]] = (
        (
            row.on_day,
            lists[row.list_key],
            campaigns[row.campaign_key],
            formats.country(row.country),
            row.country,
            *cells(usage.figures_of(row)),
        )
        for row in rows
    )
    return Sheet(_("Details"), columns, cells_of, zone)


class Names(dict[int, str]):
    """Names by key, looked up once each."""

    def __init__(self, find: Callable[[Iterable[int]], dict[int, tuple[str, bool]]], level: str) -> None:
        super().__init__()
        self.find, self.level = find, level

    def __missing__(self, key: int) -> str:
        found = self.find([key]) if key else {}
        self[key] = line_name(key, found.get(key, ("", False))[0], self.level)
        return self[key]


def message_sheet(rows: Iterable[ChargedMessage], zone: tzinfo) -> Sheet:
    lists = Names(usage.list_names, "lists")
    columns = [
        Column(_("Charged"), "instant"),
        Column(_("Number"), width=18),
        Column(_("List"), width=32),
        Column(_("Country"), width=24),
        Column(_("Country code"), width=14),
        Column(_("Parts"), "number"),
        Column(_("Credits per part"), "number", width=18),
        Column(_("Credits"), "number"),
        Column(_("Status"), width=16),
        Column(_("Rate from"), width=24),
        Column(_("Message"), "number", width=16),
    ]
    cells_of: Iterator[tuple[Value, ...]] = (
        (
            row.charged_at,
            row.phone or _("erased"),
            lists[row.list_id or usage.NO_LIST],
            formats.country(row.country),
            row.country,
            row.segments,
            row.credits_per_segment,
            row.credits,
            row.state,
            f"{row.plugin} {row.plugin_version}",
            row.id,
        )
        for row in rows
    )
    return Sheet(_("Messages"), columns, cells_of, zone)


def about_sheet(scope: Scope, total: Figures, about: About) -> Sheet:
    facts: list[tuple[str, Value]] = [
        (_("Platform"), about.platform),
        (_("First day"), scope.from_on),
        (_("Last day"), scope.to_on),
        (_("Time zone"), str(about.zone)),
        (_("List"), about.list_name or _("all")),
        (_("Campaign"), about.campaign_name or _("all")),
        (_("Country"), formats.country(scope.country) if scope.country else _("all")),
        (_("Messages"), total.messages),
        (_("Parts"), total.segments),
        (_("Credits"), total.credits),
        (_("Made"), about.made_at),
    ]
    return Sheet(
        _("About"), [Column(_("What"), width=20), Column(_("Value"), "any", width=32)], facts, about.zone
    )


def counted(rows: Iterable[One], progress: Progress) -> Iterator[One]:
    """The rows, telling from time to time how many have gone by."""
    done = 0
    for done, row in enumerate(rows, 1):
        yield row
        if done % STEP_ROWS == 0:
            progress(done)
    progress(done)
