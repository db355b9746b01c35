"""The steps of a person with a file: upload it, say what its columns are, look, confirm or withdraw."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audience import layout as layouts
from webapp.audience import tables, uploads
from webapp.audience.cells import field_names
from webapp.audience.errors import ImportRefused
from webapp.audience.layout import Layout
from webapp.audience.lists import own_list
from webapp.audience.models import DO_NOT_CONTACT, RECIPIENTS, Import
from webapp.audience.rows import FIELD, IGNORE, PHONE
from webapp.audience.settings import unpacked_bytes_max
from webapp.db import db, transaction

PREVIEW_ROWS = 5
FILE_NAME_CHARACTERS = 200


def upload(
    platform_id: int,
    list_id: int | None,
    file_name: str,
    stream: IO[bytes],
    *,
    by_id: int | None,
    by_name: str,
    now: datetime,
    reason: str | None = None,
) -> Import:
    """Keeps a file for a list, or (None) for the do-not-contact list, and finds out how it is written.

    Raises `ImportRefused` with a sentence when it is no table; then nothing is kept.
    """
    with transaction() as session:
        if list_id is not None:
            own_list(session, platform_id, list_id)
        task = new_import(platform_id, list_id, file_name, by_name, now)
        task.by_id, task.reason = by_id, reason
        session.add(task)
        session.flush()
        task.file_bytes = uploads.store(task.id, stream)
        if not task.file_bytes:
            raise ImportRefused(_("This file is empty."))
        with uploads.on_disk(task.id) as path:
            understand(task, path)
        return task


def register(platform_id: int, list_id: int, file: Path, *, by_name: str, now: datetime) -> Import:
    """The same for a file that lies on this machine and stays there. Raises `ImportRefused`."""
    with transaction() as session:
        own_list(session, platform_id, list_id)
        task = new_import(platform_id, list_id, file.name, by_name, now)
        with file.open("rb") as stream:
            task.file_digest = hashlib.file_digest(stream, "sha256").digest()
        task.file_bytes = file.stat().st_size
        understand(task, file)
        session.add(task)
        session.flush()
        return task


def interrupted(task: Import) -> Import | None:
    """An import of the same file into the same list, read the same way, that never came to its end."""
    same = (Import.list_id, Import.file_digest, Import.mapping, Import.country)
    return db.session.scalars(
        select(Import)
        .where(*(column.is_not_distinct_from(getattr(task, column.key)) for column in same))
        .where(Import.status == "running", Import.file_digest.is_not(None), Import.id != task.id)
        .order_by(Import.id.desc())
        .limit(1)
    ).one_or_none()


def new_import(platform_id: int, list_id: int | None, file_name: str, by_name: str, now: datetime) -> Import:
    return Import(
        platform_id=platform_id,
        list_id=list_id,
        purpose=RECIPIENTS if list_id is not None else DO_NOT_CONTACT,
        status="uploaded",
        file_name=Path(file_name).name[-FILE_NAME_CHARACTERS:] or "file",
        file_bytes=0,
        format="csv",
        by_name=by_name,
        created_at=now,
    )


def understand(task: Import, path: Path) -> None:
    """Finds out how the file is written. Raises `ImportRefused`."""
    found, _rows = tables.inspect(path, unpacked_bytes_max())
    task.format, task.layout = found.format, found.as_json()


@dataclass(frozen=True)
class Proposal:
    """How a file was understood: its first rows, and for each column its header, samples and best guess."""

    layout: Layout
    headers: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    mapping: Sequence[str]
    suggested: Sequence[str]


def proposal(import_id: int, file: Path | None = None) -> Proposal:
    """What the page of the columns shows. FileNotFoundError when the uploaded file is gone."""
    task = db.session().get_one(Import, import_id)
    found = Layout.from_json(task.layout)
    with uploads.kept(import_id, file) as path:
        rows = tables.sample_rows(path, found, unpacked_bytes_max())
    data = [row for row in rows if row[0] > found.header_row]
    width = max([len(found.headers), *(len(cells) for _number, cells in data)])
    headers = [*found.headers, *[""] * (width - len(found.headers))]
    suggested = suggested_names(headers)
    mapping = task.mapping if len(task.mapping) == width else guess(data, headers, suggested, task)
    return Proposal(found, headers, data[:PREVIEW_ROWS], mapping, suggested)


def suggested_names(headers: Sequence[str]) -> list[str]:
    """A field name for every column, from its header or its place."""
    return [name or f"column_{place}" for place, name in enumerate(field_names(headers), 1)]


def guess(
    data: Sequence[tuple[int, Sequence[str]]], headers: Sequence[str], suggested: Sequence[str], task: Import
) -> list[str]:
    """The number where the numbers are; other columns with a header and some value are fields."""
    phone = layouts.phone_column([cells for _number, cells in data], headers, task.country)
    filled = {place for _number, cells in data for place, cell in enumerate(cells) if cell.strip()}
    mapping = [
        FIELD + name if header.strip() and place in filled and task.purpose == RECIPIENTS else IGNORE
        for place, (header, name) in enumerate(zip(headers, suggested, strict=True))
    ]
    if phone is not None:
        mapping[phone] = PHONE
    return mapping


def read_again(
    platform_id: int, import_id: int, *, encoding: str, delimiter: str, sheet: str, header: bool
) -> None:
    """The file read as a person says it is written."""
    with transaction() as session:
        task = own_import(session, platform_id, import_id, "uploaded", "checked")
        found = tables.chosen(
            Layout.from_json(task.layout), encoding=encoding, delimiter=delimiter, sheet=sheet
        )
        with uploads.on_disk(import_id) as path:
            found, rows = tables.inspect_as(path, found, unpacked_bytes_max())
        task.layout = layouts.with_or_without_header(found, rows, header).as_json()
        task.mapping, task.forecast, task.status = [], None, "uploaded"


def choose_columns(
    platform_id: int, import_id: int, mapping: Sequence[str], country: str | None, *, check: bool = True
) -> None:
    """Says what each column is, and has the file checked. Raises `ImportRefused`."""
    from webapp.audience.jobs import check_import

    if list(mapping).count(PHONE) != 1:
        raise ImportRefused(_("Choose the one column that holds the phone numbers."))
    names = [word for word in mapping if word.startswith(FIELD)]
    if len(set(names)) < len(names):
        raise ImportRefused(_("Two columns have the same field name. Give each its own."))
    with transaction() as session:
        task = own_import(session, platform_id, import_id, "uploaded", "checked")
        task.mapping, task.country, task.forecast = list(mapping), country, None
        task.position, task.position_total = 0, task.file_bytes
        task.status = "checking" if check else "checked"
        if check:
            check_import.enqueue(lock=f"import:{import_id}", import_id=import_id)


def confirm(platform_id: int, import_id: int, *, now: datetime, enqueue: bool = True) -> None:
    """Lets a checked file in. Raises `ImportRefused` when it is past that step."""
    from webapp.audience.jobs import run_import

    with transaction() as session:
        task = own_import(session, platform_id, import_id, "checked")
        if task.list_id is not None:
            own_list(session, platform_id, task.list_id)
        task.status, task.started_at, task.position = "running", now, 0
        if enqueue:
            run_import.enqueue(lock=f"import:{import_id}", import_id=import_id)


def run_again(platform_id: int, import_id: int) -> None:
    """Puts a running import whose worker was lost for good back into the queue; harmless when it was not."""
    from webapp.audience.jobs import check_import, run_import

    with transaction() as session:
        task = own_import(session, platform_id, import_id, "running", "checking")
        job = run_import if task.status == "running" else check_import
        job.enqueue(lock=f"import:{import_id}", once=f"import:{import_id}", import_id=import_id)


def withdraw(platform_id: int, import_id: int, *, now: datetime) -> None:
    """Stops an import; what was taken by then stays, the file is forgotten."""
    with transaction() as session:
        task = own_import(session, platform_id, import_id, "uploaded", "checking", "checked", "running")
        task.status, task.finished_at = "cancelled", now
        uploads.discard(import_id)


def own_import(session: Session, platform_id: int, import_id: int, *statuses: str) -> Import:
    """The import of this platform, locked. LookupError; `ImportRefused` when it is past these steps."""
    found = session.scalars(
        select(Import)
        .where(Import.platform_id == platform_id, Import.id == import_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise LookupError(f"import {import_id} is not of platform {platform_id}")
    if found.status not in statuses:
        raise ImportRefused(_("This import has gone on meanwhile. The page shows where it stands."))
    return found
