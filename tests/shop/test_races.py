"""Two people act on one order at the same moment, each on a connection of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select

from tests.personas import make_platform
from tests.shop.conftest import BUYER, LARGE, NOON, SELLER, SMALL, on_sale, terms_of
from webapp.credits import engine
from webapp.db import db, transaction
from webapp.errors import Refused
from webapp.shop.models import Order
from webapp.shop.orders import cancel, mark_paid, place_order
from webapp.shop.packages import change_package, packages_for_sale, retire_package


@pytest.fixture
def world(committed_app) -> tuple[int, int]:
    """A platform and a package, committed: their ids."""
    with committed_app.app_context():
        with transaction():
            platform_id = make_platform("Aurora").id
        return platform_id, on_sale(SMALL)


@pytest.fixture
def order_id(committed_app, world) -> int:
    platform_id, package_id = world
    with committed_app.app_context():
        return order(platform_id, terms_of(package_id), "key of a form").id


def order(platform_id: int, terms_id: int, key: str) -> Order:
    return place_order(platform_id, terms_id=terms_id, currency="EUR", key=key, actor=BUYER, now=NOON)


def pay(order_id: int, reference: str) -> Order:
    return mark_paid(order_id, reference=reference, actor=SELLER, now=NOON)


def at_once(app: Flask, *acts: Callable[[], object]) -> list[object]:
    """What each gave, or the refusal it met, when all began together in threads of their own."""
    together = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        with app.app_context():
            db.session.connection()  # connected first, so that only the act itself is raced
            db.session.rollback()
            together.wait()
            try:
                done = act()
                return getattr(done, "id", done)
            except Refused as refusal:
                return type(refusal).__name__

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def state(app: Flask, platform_id: int) -> tuple[list[str], int]:
    """The statuses of all orders, and the credits that are available."""
    with app.app_context():
        statuses = list(db.session.scalars(select(Order.status).order_by(Order.id)))
        return statuses, engine.balance(platform_id, now=NOON).available


def test_eight_notices_of_one_payment_create_the_credits_once(committed_app, world, order_id):
    answers = at_once(committed_app, *[lambda: pay(order_id, "bank 1")] * 8)
    assert answers == [order_id] * 8
    assert state(committed_app, world[0]) == (["paid"], 1_000)


def test_of_two_different_payments_one_counts_and_the_other_is_told(committed_app, world, order_id):
    answers = at_once(committed_app, lambda: pay(order_id, "bank 1"), lambda: pay(order_id, "bank 2"))
    assert sorted(map(str, answers)) == sorted([str(order_id), "OrderRefused"])
    assert state(committed_app, world[0]) == (["paid"], 1_000)


@pytest.mark.parametrize("attempt", range(4))
def test_paying_and_cancelling_at_once_ends_as_exactly_one_of_them(committed_app, world, order_id, attempt):
    answers = at_once(
        committed_app,
        lambda: pay(order_id, "bank 1"),
        lambda: cancel(order_id, actor=BUYER, now=NOON),
    )
    assert sorted(map(str, answers)) == sorted([str(order_id), "OrderRefused"])
    assert state(committed_app, world[0]) in ((["paid"], 1_000), (["cancelled"], 0))


def test_a_double_click_on_two_web_processes_is_one_order(committed_app, world):
    platform_id, package_id = world
    with committed_app.app_context():
        terms_id = terms_of(package_id)
    answers = at_once(committed_app, *[lambda: order(platform_id, terms_id, "one form")] * 6)
    assert len(set(answers)) == 1
    assert state(committed_app, platform_id) == (["pending"], 0)


def test_payments_of_several_platforms_at_once_are_all_numbered_without_a_gap(committed_app, world):
    package_id = world[1]
    with committed_app.app_context():
        terms_id = terms_of(package_id)
        with transaction():
            platforms = [make_platform(f"Platform number {number}").id for number in range(4)]
        orders = [order(platform, terms_id, f"key {n}").id for platform in platforms for n in range(2)]
    at_once(committed_app, *[lambda number=number: pay(number, f"bank {number}") for number in orders])
    with committed_app.app_context():
        assert sorted(db.session.scalars(select(Order.receipt_number))) == list(range(1, 9))
        assert [engine.balance(each, now=NOON).available for each in platforms] == [2_000] * 4


@pytest.mark.parametrize("attempt", range(3))
def test_an_order_never_slips_in_under_terms_that_were_just_replaced(committed_app, world, attempt):
    platform_id, package_id = world
    with committed_app.app_context():
        seen = terms_of(package_id)
    answers = at_once(
        committed_app,
        lambda: change_package(package_id, LARGE, seen_terms_id=seen, actor=SELLER, now=NOON),
        lambda: order(platform_id, seen, "key of a form"),
    )
    statuses, _ = state(committed_app, platform_id)
    assert statuses == ([] if answers[1] == "OrderRefused" else ["pending"])


def test_a_package_retired_while_it_is_ordered_is_either_ordered_or_refused(committed_app, world):
    platform_id, package_id = world
    with committed_app.app_context():
        seen = terms_of(package_id)
    answers = at_once(
        committed_app,
        lambda: retire_package(package_id, actor=SELLER, now=NOON),
        lambda: order(platform_id, seen, "key of a form"),
    )
    statuses, _ = state(committed_app, platform_id)
    assert statuses == ([] if answers[1] == "OrderRefused" else ["pending"])


def test_a_double_click_on_put_on_sale_makes_one_package(committed_app):
    answers = at_once(committed_app, *[on_sale] * 5)
    assert answers.count("PackageRefused") == 4
    with committed_app.app_context():
        assert len(packages_for_sale()) == 1
