"""From the rows of a file to recipients, a batch at a time, by column; pure.

A row is taken or refused whole, with one reason. Of rows with the same number in one batch the last wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from webapp.audience.cells import CONTROL, TOO_LONG, VALUE_CHARACTERS, clean_value, read_number
from webapp.audience.merge_json import json_objects
from webapp.audience.tables import Batch
from webapp.pricing.columns import packed_columns
from webapp.pricing.numbers import BadNumber

PHONE = "phone"
FIELD = "field:"
IGNORE = ""


@dataclass(frozen=True)
class Plan:
    """Where the number stands, and each field; a number without prefix is of `country`."""

    phone: int
    fields: dict[str, int]
    country: str | None

    @classmethod
    def of(cls, mapping: Sequence[str], country: str | None) -> "Plan":
        """From the mapping kept with an import: one word per column."""
        fields = {
            word.removeprefix(FIELD): place for place, word in enumerate(mapping) if word.startswith(FIELD)
        }
        return cls(mapping.index(PHONE), fields, country)


@dataclass(frozen=True)
class Refusal:
    """A row that is not taken; `phone` is known where it is not the number that is wrong."""

    row: int
    reason: str
    phone: int | None
    cells: Sequence[str]


@dataclass(frozen=True)
class Taken:
    """The good rows of a batch, each number once with its row, country and values; and the refused ones."""

    phones: list[int]
    row_numbers: list[int]
    countries: list[str]
    values: dict[str, list[str]]
    read: int
    repeated: int
    refusals: list[Refusal]

    def __len__(self) -> int:
        return len(self.phones)

    @cached_property
    def objects(self) -> list[str]:
        """The values of each row as JSON, as COPY wants it."""
        return json_objects(self.values, len(self.phones))

    @cached_property
    def columns(self) -> dict[str, bytes]:
        """The values of each field, measured for quotes and packed."""
        return packed_columns(self.values)

    def only(self, places: Sequence[int]) -> "Taken":
        """These of the good rows alone."""
        if len(places) == len(self.phones):
            return self
        return replace(
            self,
            phones=[self.phones[place] for place in places],
            row_numbers=[self.row_numbers[place] for place in places],
            countries=[self.countries[place] for place in places],
            values={name: [values[place] for place in places] for name, values in self.values.items()},
        )

    def without(self, erased: set[int], reason: str) -> "Taken":
        """The same without these people; of their rows nothing but the row number is kept."""
        kept = self.only([place for place, phone in enumerate(self.phones) if phone not in erased])
        rows = [row for row, phone in zip(self.row_numbers, self.phones, strict=True) if phone in erased]
        others = [each for each in self.refusals if each.phone not in erased]
        again = [each.row for each in self.refusals if each.phone in erased]
        return replace(kept, refusals=[*others, *(Refusal(row, reason, None, ()) for row in rows + again)])


def take(batch: Batch, plan: Plan) -> Taken:
    """Reads every row of a batch."""
    raw = column(batch.rows, plan.phone)
    values = {name: clean_column(column(batch.rows, place)) for name, place in plan.fields.items()}
    too_long = long_places(values)
    last: dict[int, int] = {}
    countries: dict[int, str] = {}
    refusals: list[Refusal] = []
    good = 0
    for place, cell in enumerate(raw):
        try:
            phone, country = read_number(cell, plan.country)
        except BadNumber as problem:
            refusals.append(refusal(batch, place, problem.reason, None))
            continue
        if place in too_long:
            refusals.append(refusal(batch, place, TOO_LONG, phone))
            continue
        good += 1
        last[phone] = place
        countries[phone] = country
    places = list(last.values())
    kept = values
    if len(places) < len(raw):
        kept = {name: [each[place] for place in places] for name, each in values.items()}
    return Taken(
        phones=list(last),
        row_numbers=[batch.row_numbers[place] for place in places],
        countries=list(countries.values()),
        values=kept,
        read=len(raw),
        repeated=good - len(last),
        refusals=refusals,
    )


def column(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    """The cells of one column; a row that is too short has an empty one."""
    try:
        return [row[place] for row in rows]
    except IndexError:
        return [row[place] if place < len(row) else "" for row in rows]


def clean_column(cells: list[str]) -> list[str]:
    """The values as they are kept; the usual column, without anything odd, costs one look at all of it."""
    joined = "\n".join(cells)
    if "'" in joined or CONTROL.search(joined):
        return [clean_value(cell) for cell in cells]
    return [cell.strip() for cell in cells]


def long_places(values: dict[str, list[str]]) -> set[int]:
    return {
        place
        for column_values in values.values()
        if max(map(len, column_values), default=0) > VALUE_CHARACTERS
        for place, value in enumerate(column_values)
        if len(value) > VALUE_CHARACTERS
    }


def refusal(batch: Batch, place: int, reason: str, phone: int | None) -> Refusal:
    return Refusal(batch.row_numbers[place], reason, phone, batch.rows[place])
