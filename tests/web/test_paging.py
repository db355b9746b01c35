"""Pages of a long table, by number."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.personas import make_platform
from webapp.accounts.models import Platform
from webapp.web.paging import Page, paginate


def page_of(app: Flask, query: str, *, per_page: int = 3) -> Page[Platform]:
    with app.test_request_context(f"/?{query}"):
        return paginate(select(Platform).order_by(Platform.id), per_page=per_page)


@pytest.fixture
def seven(database: Session) -> list[str]:
    return [make_platform(f"Number {n}").name for n in range(7)]


def test_each_row_is_on_exactly_one_page(app: Flask, seven: list[str]) -> None:
    names = [row.name for number in (1, 2, 3) for row in page_of(app, f"page={number}").rows]
    assert names == seven


@pytest.mark.usefixtures("seven")
@pytest.mark.parametrize(
    ("query", "number"),
    [("", 1), ("page=0", 1), ("page=-4", 1), ("page=x", 1), ("page=99", 3), ("page=9999999999999999999", 1)],
)
def test_any_number_asked_for_is_a_page_that_exists(app: Flask, query: str, number: int) -> None:
    assert page_of(app, query).number == number


@pytest.mark.usefixtures("seven")
def test_it_knows_where_it_is(app: Flask) -> None:
    last = page_of(app, "page=3")
    assert (last.first, last.last, last.total, last.pages) == (7, 7, 7, 3)
    assert (last.previous, last.next) == (2, None)
    assert page_of(app, "page=1").previous is None


@pytest.mark.usefixtures("database")
def test_an_empty_table_has_one_empty_page(app: Flask) -> None:
    empty = page_of(app, "")
    assert (empty.first, empty.last, empty.pages, empty.next) == (0, 0, 1, None)
