"""`sms-credits export usage`: the report of a period as an Excel file."""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import select

from webapp import clock
from webapp.accounts.models import Platform
from webapp.db import db
from webapp.errors import Refused
from webapp.processes import running
from webapp.reports import exports, periods, usage
from webapp.reports.usage import Scope, Usage

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def export() -> None:
    """Write reports to files."""


@export.command(name="usage")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--from", "from_at", type=DAY, required=True, help="The first day, such as 2026-11-01.")
@click.option("--to", "to_at", type=DAY, required=True, help="The last day, included.")
@click.option("--platform", "platform_id", type=int, help="Its id; needed where there are several.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON about what was written.")
def export_usage(
    file: Path, from_at: datetime, to_at: datetime, platform_id: int | None, as_json: bool
) -> None:
    """Write what was used from one day to another, by list, day and country, to FILE (.xlsx).

    Days are those of the platform's time zone; the totals equal the ledger.
    """
    if file.suffix.lower() != ".xlsx":
        raise click.UsageError("FILE must end in .xlsx.")
    period = periods.read({"from": f"{from_at:%Y-%m-%d}", "to": f"{to_at:%Y-%m-%d}"}, to_at.date())
    with running.application():
        platform = platform_of(platform_id)
        scope = Scope(platform.id, period.from_on, period.to_on)
        found = write(platform, scope, file)
    tell(file, found, as_json)


def platform_of(platform_id: int | None) -> Platform:
    """The platform with this id, or the only one there is. Raises `Refused`."""
    statement = select(Platform).order_by(Platform.id)
    if platform_id is not None:
        statement = statement.where(Platform.id == platform_id)
    found = db.session.scalars(statement.limit(2)).all()
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(
            "There is no such platform." if platform_id is not None else "There is no platform yet."
        )
    raise Refused("There are several platforms: say which with --platform ID.")


def write(platform: Platform, scope: Scope, file: Path) -> Usage:
    """Writes the whole file or none: it appears under its name when it is complete."""
    found = usage.usage(scope)
    order = exports.usage_order(
        scope, found, platform.name, language=platform.language, by_id=None, by_name="sms-credits"
    )
    with tempfile.NamedTemporaryFile(dir=file.absolute().parent, suffix=".part", delete=False) as part:
        try:
            exports.write_order(order, part.file, now=clock.now())
        except BaseException:
            Path(part.name).unlink()
            raise
    Path(part.name).chmod(0o666 & ~umask())
    Path(part.name).replace(file)
    return found


def umask() -> int:
    """What the user takes away from the rights of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def tell(file: Path, found: Usage, as_json: bool) -> None:
    total = found.total
    if as_json:
        click.echo(json.dumps({"file": str(file), "total": vars(total)}))
    else:
        click.echo(
            f"{file}: {total.messages:,} messages, {total.segments:,} parts, {total.credits:,} credits."
        )
