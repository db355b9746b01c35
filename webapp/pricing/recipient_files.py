"""Recipients from a CSV or XLSX file, for a quote without a database."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from openpyxl import load_workbook

from webapp.errors import Refused
from webapp.pricing.audiences import INVALID, ListColumns
from webapp.pricing.columns import Column
from webapp.pricing.numbers import NO_COUNTRY, BadNumber, country_index, parse_phone

PHONE_HEADS: Final = (
    "phone",
    "phone number",
    "phone_number",
    "mobile",
    "msisdn",
    "number",
    "telephone",
    "tel",
)
READ_AT_ONCE: Final = 1 << 15


class BadFile(Refused):
    """A file that is no table of recipients."""

    slug = "invalid-request"


def read_recipients(
    path: Path,
    *,
    phone_column: str | None = None,
    country: str | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> ListColumns:
    """All rows of a table with a head line, as one list; numbers without prefix are read in `country`.

    A number that is none makes its row invalid, not the file. Raises `BadFile`.
    """
    rows = rows_of(path)
    head = [str(name or "").strip() for name in next(rows, [])]
    phone_at = phone_place(head, phone_column)
    fields = {name: place for place, name in enumerate(head) if name and place != phone_at}
    phones, countries, pieces = [], [], {name: [] for name in fields}  # type: ignore[var-annotated]
    done = 0
    for batch in batches(rows):
        numbers = [phone_of(cell(row, phone_at), country) for row in batch]
        phones += [number for number, _country in numbers]
        countries += [index for _number, index in numbers]
        for name, place in fields.items():
            pieces[name].append(Column.measure(cell(row, place) for row in batch))
        done += len(batch)
        progress(done)
    return listed(
        phones, countries, {name: Column.concatenate(found) for name, found in pieces.items() if found}
    )


def listed(phones: list[int], countries: list[int], fields: dict[str, Column]) -> ListColumns:
    invalid = np.array(countries, np.uint16) == NO_COUNTRY
    return ListColumns(
        list_id=1,
        version=1,
        recipient_ids=np.arange(1, len(phones) + 1, dtype=np.int64),
        phones=np.array(phones, np.int64),
        countries=np.array(countries, np.uint16),
        flags=np.where(invalid, INVALID, 0).astype(np.uint8),
        fields=fields,
    )


def rows_of(path: Path) -> Iterator[list[Any]]:
    try:
        if path.suffix.lower() in (".xlsx", ".xlsm"):
            yield from workbook_rows(path)
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                dialect = dialect_of(file.readline())
                file.seek(0)
                yield from csv.reader(file, dialect)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, KeyError) as problem:
        raise BadFile(f"{path.name} cannot be read as a table: {problem}") from problem


def workbook_rows(path: Path) -> Iterator[list[Any]]:
    book = load_workbook(path, read_only=True, data_only=True)
    try:
        yield from (list(row) for row in book.worksheets[0].iter_rows(values_only=True))
    finally:
        book.close()


def dialect_of(head: str) -> type[csv.Dialect]:
    """Commas, semicolons or tabs: whichever the head line has most of."""

    class Table(csv.excel):
        delimiter = max(",;\t", key=head.count)

    return Table


def phone_place(head: list[str], wanted: str | None) -> int:
    names = [name.lower() for name in head]
    for name in [wanted.lower()] if wanted else PHONE_HEADS:
        if name in names:
            return names.index(name)
    heads = ", ".join(name for name in head if name) or "none"
    raise BadFile(f"No column of phone numbers: name it with --phone-column. The columns are: {heads}.")


def batches(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in rows:
        if any(value not in (None, "") for value in row):
            batch.append(row)
        if len(batch) == READ_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def cell(row: list[Any], place: int) -> str:
    value = row[place] if place < len(row) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)


def phone_of(raw: str, country: str | None) -> tuple[int, int]:
    """The digits of a number and the index of its country; 0 and no country for what is none."""
    try:
        phone = parse_phone(raw, country)
    except BadNumber:
        return 0, NO_COUNTRY
    return int(phone.e164[1:]), country_index(phone.country)
