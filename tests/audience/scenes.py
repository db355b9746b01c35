"""Lists and files for the tests of lists."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from webapp.accounts.models import Platform
from webapp.audience import importing, lists, uploading
from webapp.audience.models import Import, RecipientList
from webapp.db import db

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def make_list(platform: Platform, name: str = "Shop customers") -> RecipientList:
    return lists.create_list(platform.id, name, now=NOW)


def csv_file(rows: Iterable[Sequence[object]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def bring_in(
    platform: Platform,
    recipient_list: RecipientList,
    data: bytes,
    country: str | None = "IT",
    **given: object,
) -> Import:
    """The whole way of a file: upload, the columns that were guessed, run."""
    task = uploading.upload(
        platform.id, recipient_list.id, "people.csv", io.BytesIO(data), by_id=None, by_name="Ada", now=NOW
    )
    uploading.choose_columns(
        platform.id,
        task.id,
        given.get("mapping") or uploading.proposal(task.id).mapping,
        country,
        check=False,
    )
    uploading.confirm(platform.id, task.id, now=NOW, enqueue=False)
    importing.run_import(task.id, now=NOW)
    db.session.expire_all()
    return db.session.get_one(Import, task.id)
