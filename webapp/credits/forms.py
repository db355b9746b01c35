"""What the assign page sends: a number, or nothing, for each list; read without guessing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField

from webapp.credits.quantities import MOST_CREDITS

FIELD = re.compile("(list|was)-([1-9][0-9]{0,17})")
GROUPING = re.compile(r"[\s,.'\u2019\u00a0\u202f]")
NUMBER = re.compile("[0-9]+")
KEY = re.compile("[0-9a-f]{32}")


class AssignForm(FlaskForm):  # type: ignore[misc]
    """The CSRF token, the idempotency key of the form and the way back; the lists are read by `wanted_of`."""

    key = HiddenField()
    back = HiddenField()


@dataclass(frozen=True)
class Wanted:
    """What a form asks for: by list the credits, None for free; `was` is what the page had shown.

    `errors` says by list what cannot be read, `typed` keeps every field as it was typed.
    """

    access: Mapping[int, int | None] = field(default_factory=dict)
    was: Mapping[int, int | None] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)
    typed: Mapping[int, str] = field(default_factory=dict)

    @property
    def changes(self) -> dict[int, int | None]:
        """The lists whose field differs from what the page had shown."""
        return {
            key: amount
            for key, amount in self.access.items()
            if key not in self.was or self.was[key] != amount
        }


def wanted_of(values: Mapping[str, str]) -> Wanted:
    """Reads the fields `list-7` and `was-7`; an empty one is free. Never raises."""
    access: dict[int, int | None] = {}
    was: dict[int, int | None] = {}
    errors: dict[int, str] = {}
    typed: dict[int, str] = {}
    for name, text in values.items():
        if not (found := FIELD.fullmatch(name)):
            continue
        list_id = int(found[2])
        try:
            amount = credits_typed(text)
        except ValueError as error:
            if found[1] == "list":
                errors[list_id], typed[list_id] = str(error), text
            continue
        if found[1] == "was":
            was[list_id] = amount
        else:
            access[list_id], typed[list_id] = amount, text.strip()
    return Wanted(dict(sorted(access.items())), was, errors, typed)


def credits_typed(text: str) -> int | None:
    """A whole number as people write it (1,284 or 1 284), None for nothing. Raises ValueError.

    A group separator is only read as one where three digits follow it, so 1.5 is refused, not fifteen.
    """
    text = text.strip()
    if not text:
        return None
    groups = GROUPING.split(text)
    digits = "".join(groups)
    grouped = all(len(group) == 3 for group in groups[1:]) and len(groups[0]) >= 1
    if not (
        digits.isascii()
        and NUMBER.fullmatch(digits)
        and grouped
        and (len(groups) == 1 or len(groups[0]) <= 3)
    ):
        raise ValueError(_("Write a whole number of credits, or leave the field empty for free."))
    if len(digits) > 16 or int(digits) > MOST_CREDITS:
        raise ValueError(_("That is more than any platform can have."))
    return int(digits)


def key_of(text: str | None) -> str | None:
    """The key of a form, when it is one that a page has given out."""
    return text if text and KEY.fullmatch(text) else None
