"""What the tests of shop sell, and when."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from markupsafe import Markup
from sqlalchemy import event
from werkzeug.test import TestResponse

from webapp.credits.terms import Actor
from webapp.db import db
from webapp.shop.models import Order
from webapp.shop.packages import Terms, create_package, listed_package

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SELLER = Actor(None, "Olga")
BUYER = Actor(None, "Ada")
SMALL = Terms(credits=1_000, validity_months=24, price_usd_minor=5_000, price_eur_minor=4_500)
LARGE = Terms(credits=10_000, validity_months=24, price_usd_minor=40_000, price_eur_minor=36_000)


def on_sale(terms: Terms = SMALL) -> int:
    """A package put on sale by the real use case; its id."""
    return create_package(terms, actor=SELLER, now=NOON)


def terms_of(package_id: int) -> int:
    """The id of the newest terms of a package."""
    listed = listed_package(package_id)
    assert listed
    return listed.terms.id


def status_of(order_id: int) -> str:
    """The status as the database has it."""
    db.session.expire_all()
    return db.session.get_one(Order, order_id).status


def text_of(answer: TestResponse) -> str:
    """What a person reads on a page, in one line."""
    return " ".join(Markup(answer.text).striptags().replace("\xa0", " ").split())


def queries_of(act: Callable[[], object]) -> int:
    """How many queries this makes; savepoints, which only tests have, are not counted."""
    seen: list[str] = []

    def note(*given: object) -> None:
        seen.append(str(given[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return sum("SAVEPOINT" not in statement for statement in seen)


@pytest.fixture
def small(database) -> int:
    return on_sale(SMALL)


@pytest.fixture
def large(database) -> int:
    return on_sale(LARGE)
