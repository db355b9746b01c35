"""`sms-credits import LIST FILE`: a file into a list, without a browser."""

import json
import sys
from pathlib import Path

import click
from flask_babel import gettext as _
from sqlalchemy import select, text

from webapp import clock
from webapp.audience import checking, exporting, importing, lists, uploading
from webapp.audience.errors import ImportRefused
from webapp.audience.models import Import, RecipientList
from webapp.audience.places import known_countries
from webapp.audience.rows import FIELD, IGNORE, PHONE
from webapp.db import db, transaction
from webapp.processes import running


@click.command("import")
@click.argument("list_name", metavar="LIST")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--platform", help="Its name or number; needed where several platforms have such a list.")
@click.option("--create", is_flag=True, help="Make the list if the platform has none of this name.")
@click.option("--country", metavar="ISO", help="Numbers without prefix are of this country, like IT.")
@click.option(
    "--phone", metavar="COLUMN", help="The header or place (from 1) of the column with the numbers."
)
@click.option(
    "--only", metavar="COLUMNS", help="Take only these columns as fields, by header, apart by commas."
)
@click.option(
    "--refused", type=click.Path(dir_okay=False, path_type=Path), help="Write refused rows to this CSV."
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def import_file(
    list_name: str,
    file: Path,
    platform: str | None,
    create: bool,
    country: str | None,
    phone: str | None,
    only: str | None,
    refused: Path | None,
    as_json: bool,
) -> None:
    """Bring the people of a CSV or XLSX FILE into LIST (its name or number).

    Who is on the list already gets the values of the file. Nobody who unsubscribed, asked not to be
    contacted or was erased is written to again. If this is interrupted, run it again.
    """
    if country is not None and country.upper() not in known_countries():
        raise click.UsageError(f"There is no country {country!r}; give two letters, like IT.")
    with running.application():
        into = find_list(list_name, platform, create)
        task = start(into, file, country.upper() if country else None, phone, only)
        importing.run_import(task.id, now=clock.now(), path=file, watch=show_progress)
        db.session.refresh(task)
        report(task, refused, as_json)
        if task.status != "done":
            raise click.exceptions.Exit(1)


def show_progress(position: int, total: int) -> None:
    """How far the file is, on standard error when somebody looks."""
    if sys.stderr.isatty():
        click.echo(f"\r{100 * position // max(total, 1):3} %", nl=position >= total, err=True)


def find_list(name: str, platform: str | None, create: bool) -> RecipientList:
    """The one list of this name or number. Raises `ImportRefused` with the way out."""
    platform_id = find_platform(platform)
    found = select(RecipientList).where(RecipientList.deleted_at.is_(None))
    if platform_id is not None:
        found = found.where(RecipientList.platform_id == platform_id)
    lists_found = [each for each in db.session.scalars(found) if name in (each.name, str(each.id))]
    if len(lists_found) == 1:
        return lists_found[0]
    if lists_found:
        raise ImportRefused(
            _("Several lists are called “%(name)s”: say --platform, or give the number.", name=name)
        )
    if not create:
        raise ImportRefused(_("There is no list “%(name)s”. Say --create to make it.", name=name))
    if platform_id is None:
        raise ImportRefused(_("Say --platform, so that the list can be made there."))
    return lists.create_list(platform_id, name, now=clock.now())


def find_platform(platform: str | None) -> int | None:
    """The platform of this name or number; without either the only one there is, None for several."""
    rows = db.session.execute(text("SELECT id, name FROM platform ORDER BY id")).all()
    if platform is None:
        return rows[0].id if len(rows) == 1 else None
    for row in rows:
        if platform in (row.name, str(row.id)):
            return int(row.id)
    raise ImportRefused(_("There is no platform “%(name)s”.", name=platform))


def start(
    into: RecipientList, file: Path, country: str | None, phone: str | None, only: str | None
) -> Import:
    """The import with its columns, confirmed: asking on the command line is confirming.

    One of the same file that was interrupted is the import: it goes on where it stood.
    """
    now = clock.now()
    with transaction() as session:
        task = uploading.register(into.platform_id, into.id, file, by_name=_("command line"), now=now)
        proposal = uploading.proposal(task.id, file)
        guessed, headers, names = (
            list(each) for each in (proposal.mapping, proposal.headers, proposal.suggested)
        )
        mapping = columns(guessed, headers, names, phone, only)
        uploading.choose_columns(into.platform_id, task.id, mapping, country, check=False)
        if earlier := uploading.interrupted(task):
            session.delete(task)
            return earlier
        uploading.confirm(into.platform_id, task.id, now=now, enqueue=False)
        return task


def columns(
    mapping: list[str], headers: list[str], suggested: list[str], phone: str | None, only: str | None
) -> list[str]:
    """The guessed columns, corrected by what was said. Raises `ImportRefused` where there is none such."""
    if phone is not None:
        place = place_of(phone, headers)
        mapping = [FIELD + suggested[at] if word == PHONE else word for at, word in enumerate(mapping)]
        mapping[place] = PHONE
    if only is not None:
        wanted = {place_of(name.strip(), headers) for name in only.split(",") if name.strip()}
        fields = [FIELD + name if at in wanted else IGNORE for at, name in enumerate(suggested)]
        mapping = [PHONE if word == PHONE else fields[at] for at, word in enumerate(mapping)]
    return mapping


def place_of(column: str, headers: list[str]) -> int:
    """Where the column stands that has this header, or this number."""
    for place, header in enumerate(headers):
        if header.strip().casefold() == column.casefold():
            return place
    if column.isdigit() and 1 <= int(column) <= len(headers):
        return int(column) - 1
    known = ", ".join(header for header in headers if header)
    raise ImportRefused(
        _("There is no column “%(name)s”. The file has: %(known)s.", name=column, known=known)
    )


def report(task: Import, refused: Path | None, as_json: bool) -> None:
    """What became of the rows, on standard output; what went wrong, on standard error."""
    names = ("rows_read", "added", "updated", "unchanged", "duplicates", "refused")
    counts = {name: getattr(task, name) for name in names}
    if as_json:
        click.echo(json.dumps({"import": task.id, "list": task.list_id, "status": task.status, **counts}))
    else:
        click.echo(
            _(
                "%(rows_read)s rows: %(added)s new, %(updated)s changed, %(unchanged)s as they were, "
                "%(duplicates)s repeated, %(refused)s refused.",
                **counts,
            )
        )
        for reason, count in checking.refusals_by_reason(db.session(), task.id):
            click.echo(f"  {count}  {exporting.reason_words(reason)}")
    if refused is not None:
        exporting.write_refusals(task, refused)
    if task.failure:
        click.echo(task.failure, err=True)
    elif task.status == "running":
        click.echo(_("Another process is importing this very file, and goes on with it."), err=True)
