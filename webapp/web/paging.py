"""Pages of a long table, by number. The template macro `pager` draws the way between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request
from sqlalchemy import Select, func, select

from webapp.db import db

Row = TypeVar("Row")
PER_PAGE = 50
LAST_PAGE = 10_000_000


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a longer table: page `number` (from 1) of `total` rows, `per_page` on each."""

    rows: Sequence[Row]
    number: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        """The place of the first row shown, from 1; 0 when there is none."""
        return (self.number - 1) * self.per_page + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def page_number() -> int:
    """The page asked for by `?page=`; anything that is no page number is the first."""
    asked = request.args.get("page", 1, type=int)
    return asked if 1 <= asked <= LAST_PAGE else 1


def paginate(statement: Select[Row], *, per_page: int = PER_PAGE, total: int | None = None) -> Page[Row]:
    """The page of the statement that the request asks for.

    The statement must be ordered by something unique. `total` spares the count where it is known.
    A page behind the last one shows the last, so that a link kept from yesterday still works.
    """
    if total is None:
        counted = statement.order_by(None).subquery()
        total = db.session.scalar(select(func.count()).select_from(counted)) or 0
    number = min(page_number(), max(1, -(-total // per_page)))
    rows = db.session.scalars(statement.limit(per_page).offset((number - 1) * per_page)).unique().all()
    return Page(rows=rows, number=number, per_page=per_page, total=total)
