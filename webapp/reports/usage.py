"""What was used: read from the daily roll-ups, all figures of a page in one statement.

One statement sees one state of the database, so the days, the lists, the countries and the total of a
page add up to each other even while a campaign is being sent. The roll-ups are written with the charges
and equal the ledger (R15); nothing here scans the history.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, null, select, tuple_

from webapp.audience.models import RecipientList
from webapp.campaigns.models import Campaign
from webapp.credits.models import UsageDay
from webapp.db import db
from webapp.reports.periods import Period

NO_LIST = 0
PER_BATCH = 2000
SINGLE = 0  # messages that belong to no campaign: tests, and those sent through the API


@dataclass(frozen=True)
class Figures:
    """What some messages came to: how many, their segments, and the credits charged for them."""

    messages: int = 0
    segments: int = 0
    credits: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.messages + other.messages, self.segments + other.segments, self.credits + other.credits
        )


NOTHING = Figures()


@dataclass(frozen=True)
class Scope:
    """What a report is about. `list_key` None is every list, 0 the messages without one;
    `campaign_key` None is every campaign, 0 the single messages."""

    platform_id: int
    from_on: date
    to_on: date
    list_key: int | None = None
    campaign_key: int | None = None
    country: str | None = None

    @property
    def level(self) -> str:
        """What its tables list: "lists", "campaigns" or "messages"."""
        if self.campaign_key is not None:
            return "messages"
        return "lists" if self.list_key is None else "campaigns"

    def over(self, period: Period) -> "Scope":
        return replace(self, from_on=period.from_on, to_on=period.to_on)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Which roll-ups belong to it."""
        kept = [UsageDay.platform_id == self.platform_id, UsageDay.on_day.between(self.from_on, self.to_on)]
        if self.list_key is not None:
            kept.append(UsageDay.list_key == self.list_key)
        if self.campaign_key is not None:
            kept.append(campaign_key() == self.campaign_key)
        if self.country is not None:
            kept.append(UsageDay.country == self.country)
        return kept


@dataclass(frozen=True)
class Line:
    """A list or a campaign with what it used. `deleted` lists keep their name."""

    key: int
    figures: Figures
    name: str
    deleted: bool = False


@dataclass(frozen=True)
class Usage:
    """The figures of one report; `lines` are its lists or campaigns, the dearest first."""

    total: Figures = NOTHING
    days: Mapping[date, Figures] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    countries: Mapping[str, Figures] = field(default_factory=dict)
    roll_ups: int = 0

    def between(self, from_on: date, to_on: date) -> Figures:
        """What was used from one day to another, both included."""
        return sum((figures for day, figures in self.days.items() if from_on <= day <= to_on), NOTHING)


def campaign_key() -> ColumnElement[int]:
    """The campaign of a roll-up; 0 for single messages, each of which is a subject of its own."""
    return case((UsageDay.subject_kind == "campaign", UsageDay.subject_id), else_=SINGLE)


def usage(scope: Scope) -> Usage:
    """The figures of a scope: by day, by country, by list or campaign, and in all."""
    return gathered(scope, db.session.execute(grouped(scope)))


def gathered(scope: Scope, rows: Iterable[Row[Any]]) -> Usage:
    """The summed rows of `grouped` put where they belong."""
    total, count = NOTHING, 0
    days: dict[date, Figures] = {}
    keyed: dict[int, Figures] = {}
    countries: dict[str, Figures] = {}
    for row in rows:
        figures = figures_of(row)
        if row.on_day is not None:
            days[row.on_day] = figures
        elif row.country is not None:
            countries[row.country] = figures
        elif row.list_key is not None or row.campaign_key is not None:
            keyed[row.list_key if row.list_key is not None else row.campaign_key] = figures
        else:
            total, count = figures, row.rows
    return Usage(total, days, named(scope, keyed), dearest_first(countries), count)


def figures_of(row: Row[Any]) -> Figures:
    return Figures(int(row.messages or 0), int(row.segments or 0), int(row.credits or 0))


def grouped(scope: Scope, *, details: bool = False) -> Select[*tuple[Any, ...]]:
    """One pass over the roll-ups, summed by each column in turn and once in all: the total comes first.

    Of the columns grouped by, the one in turn has a value and the others are null; in the total all are.
    With `details` a row follows for each day, list, campaign and country, where none is.
    """
    rows = select(UsageDay, campaign_key().label("campaign_key")).where(*scope.conditions()).subquery()
    every = [rows.c[name] for name in ("on_day", "list_key", "campaign_key", "country")]
    keyed = {"lists": [rows.c.list_key], "campaigns": [rows.c.campaign_key], "messages": []}[scope.level]
    turns = [rows.c.on_day, rows.c.country, *keyed]
    used = every if details else turns
    sets = [tuple_(), *(tuple_(column) for column in turns), *([tuple_(*every)] if details else [])]
    shown = [column if column in used else null().label(column.name) for column in every]
    sums = [func.sum(rows.c[name]).label(name) for name in ("messages", "segments", "credits")]
    return (
        select(*shown, *sums, func.count().label("rows"))
        .group_by(func.grouping_sets(*sets))
        .order_by(func.grouping(*used).desc(), *used)
    )


def named(scope: Scope, keyed: Mapping[int, Figures]) -> tuple[Line, ...]:
    """The lists or campaigns with their names, the dearest first."""
    if scope.level == "messages":
        return ()
    names = list_names(keyed) if scope.level == "lists" else campaign_names(keyed)
    lines = [Line(key, figures, *names.get(key, ("", False))) for key, figures in keyed.items()]
    return tuple(sorted(lines, key=lambda line: (-line.figures.credits, line.name, line.key)))


def list_names(keys: Iterable[int]) -> dict[int, tuple[str, bool]]:
    """Name, and whether it is deleted, by id; nothing for the key of no list."""
    rows = select(RecipientList.id, RecipientList.name, RecipientList.deleted_at.is_not(None))
    return {
        row[0]: (row[1], row[2]) for row in db.session.execute(rows.where(RecipientList.id.in_(set(keys))))
    }


def campaign_names(keys: Iterable[int]) -> dict[int, tuple[str, bool]]:
    rows = select(Campaign.id, Campaign.name).where(Campaign.id.in_(set(keys)))
    return {row[0]: (row[1], False) for row in db.session.execute(rows)}


def dearest_first(figures: Mapping[str, Figures]) -> dict[str, Figures]:
    return dict(sorted(figures.items(), key=lambda pair: (-pair[1].credits, pair[0])))


def with_details(scope: Scope) -> tuple[Usage, Iterator[Row[Any]]]:
    """The figures, and then every day, list, campaign and country of them, read as they are used.

    Both come from one statement, so that they add up to each other.
    """
    rows = iter(db.session.execute(grouped(scope, details=True), execution_options={"yield_per": PER_BATCH}))
    summed: list[Row[Any]] = []
    for row in rows:
        if is_detail(row):
            return gathered(scope, summed), chain([row], rows)
        summed.append(row)
    return gathered(scope, summed), iter(())


def is_detail(row: Row[Any]) -> bool:
    return row.on_day is not None and row.country is not None
