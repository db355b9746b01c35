"""What was used, from the daily roll-ups (R15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Literal

from webapp.credits.terms import Subject
from webapp.credits.wire import reading, unit

Group = Literal["day", "list", "campaign", "country"]


class AnyList(Enum):
    """The absence of a filter by list; None is a filter: messages sent without a list."""

    ANY = "any"


ANY_LIST = AnyList.ANY


@dataclass(frozen=True)
class UsageRow:
    """`key` is a day, a list id (None: no list), a `Subject` or a country, as grouped."""

    key: date | int | Subject | str | None
    messages: int
    segments: int
    credits: int


@dataclass(frozen=True)
class Usage:
    rows: tuple[UsageRow, ...]
    total: UsageRow


COLUMNS = {"day": "on_day", "list": "list_id", "campaign": "subject_kind, subject_id", "country": "country"}
ORDERS = {
    "day": "on_day",
    "list": "4 DESC, list_id",
    "campaign": "5 DESC, 1, 2",
    "country": "4 DESC, country",
}
USED = """
SELECT {columns}, sum(messages)::bigint, sum(segments)::bigint, sum(credits)::bigint FROM usage_day
WHERE platform_id = %(platform_id)s AND on_day BETWEEN %(from_on)s AND %(to_on)s {filters}
GROUP BY {columns} ORDER BY {order}
"""


def usage(
    platform_id: int,
    *,
    from_on: date,
    to_on: date,
    group: Group = "day",
    list_id: int | AnyList | None = ANY_LIST,
    subject: Subject | None = None,
    country: str | None = None,
) -> Usage:
    """Messages, segments and credits charged on these days (both included), in the platform's own days.

    Days come in order, everything else by what it spent, most first. Days without use have no row.
    """
    filters = {"list_key": None if list_id is ANY_LIST else (list_id or 0), "country": country}
    filters |= {
        "subject_kind": subject.kind if subject else None,
        "subject_id": subject.id if subject else None,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    text = "".join(f" AND {name} = %({name})s" for name in given)
    sql = USED.format(columns=COLUMNS[group], order=ORDERS[group], filters=text)
    with reading() as wire:
        rows = wire.ask(sql, platform_id=platform_id, from_on=from_on, to_on=to_on, **given)
    told = tuple(row_of(row, group) for row in rows)
    return Usage(told, total_of(told))


def row_of(row: tuple[object, ...], group: Group) -> UsageRow:
    *keys, messages, segments, credits = row
    key = Subject(*keys) if group == "campaign" else keys[0]  # type: ignore[arg-type]
    return UsageRow(key, messages, segments, credits)  # type: ignore[arg-type]


def total_of(rows: Iterable[UsageRow]) -> UsageRow:
    rows = tuple(rows)
    return UsageRow(
        None, *(sum(getattr(row, name) for row in rows) for name in ("messages", "segments", "credits"))
    )


REBUILD = """
INSERT INTO usage_day (platform_id, on_day, subject_kind, subject_id, list_key, list_id, country, messages,
                       segments, credits)
SELECT charge.platform_id, moved.on_day, moved.subject_kind, moved.subject_id, coalesce(charge.list_id, 0),
       charge.list_id, charge.country, count(*), sum(charge.segments), sum(charge.credits)
FROM charge JOIN ledger_transaction AS moved ON moved.id = charge.transaction_id
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def rebuild_usage() -> None:
    """Makes the roll-ups anew from the charges. Captures wait meanwhile."""
    with unit() as wire:
        wire.ask("LOCK TABLE usage_day IN EXCLUSIVE MODE")
        wire.ask("DELETE FROM usage_day")
        wire.ask(REBUILD)
