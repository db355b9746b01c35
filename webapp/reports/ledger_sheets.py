"""The ledger as a table: a row for every movement, the oldest first."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from flask_babel import gettext as _

from webapp.credits import movements
from webapp.credits.movement_parts import Movement
from webapp.credits.movement_query import Filters
from webapp.credits.sentences import kind_name, told
from webapp.reports.workbooks import Progress, counted
from webapp.web.spreadsheets import Column, Sheet, Value


def sheets(platform_id: int, filters: Filters, zone: tzinfo, progress: Progress) -> Iterator[Sheet]:
    columns = [
        Column(_("When"), "instant"),
        Column(_("Kind"), width=18),
        Column(_("What"), width=60),
        Column(_("Notes"), width=40),
        Column(_("Credits"), "number"),
        Column(_("Change of the available"), "number", width=24),
        Column(_("Available after"), "number", width=16),
        Column(_("Who"), width=24),
        Column(_("Lots"), width=32),
        Column(_("Movement"), "number"),
    ]
    read = counted(movements.each(platform_id, filters), progress)
    yield Sheet(_("Ledger"), columns, (cells(movement, names) for movement, names in read), zone)


def cells(movement: Movement, names: dict[int, str]) -> tuple[Value, ...]:
    words = told(movement, names)
    return (
        movement.at,
        kind_name(movement.kind),
        words.sentence,
        "; ".join(words.notes),
        movement.credits,
        movement.change,
        movement.available_after,
        movement.actor_name,
        ", ".join(f"{lot.lot_id}: {lot.credits}" for lot in movement.lots),
        movement.id,
    )


def to_json(filters: Filters) -> dict[str, Any]:
    return {
        "kind": filters.kind,
        "list": filters.list_id,
        "campaign": filters.campaign_id,
        "since": filters.since.isoformat() if filters.since else None,
        "until": filters.until.isoformat() if filters.until else None,
    }


def from_json(stored: dict[str, Any]) -> Filters:
    since, until = (datetime.fromisoformat(stored[k]) if stored[k] else None for k in ("since", "until"))
    return Filters(stored["kind"], stored["list"], stored["campaign"], since, until)
