"""An order is pending, then paid or cancelled; only paid creates credits, and only once (R3 to R6)."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.personas import make_platform
from tests.shop.conftest import BUYER, NOON, SELLER, SMALL, on_sale, status_of, terms_of
from webapp.credits import engine
from webapp.credits.terms import Actor
from webapp.db import db
from webapp.shop.models import Order
from webapp.shop.orders import NoSuchOrder, OrderKeyReused, OrderRefused, cancel, mark_paid, place_order
from webapp.shop.packages import Terms, change_package, retire_package
from webapp.shop.seller import Particulars, change_seller, seller

DEARER = Terms(credits=900, validity_months=12, price_usd_minor=9_900, price_eur_minor=9_800)


@pytest.fixture
def order(small, platform) -> Order:
    return place(platform.id, small)


def place(platform_id, package_id, key="key-of-a-form", currency="EUR") -> Order:
    terms_id = terms_of(package_id)
    return place_order(platform_id, terms_id=terms_id, currency=currency, key=key, actor=BUYER, now=NOON)


def pay(order, reference="bank 1", now=NOON):
    return mark_paid(order.id, reference=reference, actor=SELLER, now=now)


def available(platform_id, now=NOON) -> int:
    return engine.balance(platform_id, now=now).available


def test_an_order_is_pending_and_moves_no_credits(order, platform):
    assert (order.status, order.price_minor, order.terms.credits) == ("pending", 4_500, 1_000)
    assert (order.created_by_name, order.billed_to, order.provider) == ("Ada", "Aurora", "bank_transfer")
    assert available(platform.id) == 0


def test_a_paid_order_creates_its_credits_with_who_and_when(order, platform):
    paid = pay(order)
    assert (paid.status, paid.paid_at, paid.paid_by_name, paid.payment_reference) == (
        "paid",
        NOON,
        "Olga",
        "bank 1",
    )
    assert paid.expires_on == date(2028, 11, 22)
    assert available(platform.id) == 1_000


def test_a_second_payment_notice_creates_no_credits(order, platform):
    first = pay(order)
    again = pay(order, now=NOON + timedelta(days=40))
    assert (again.paid_at, again.receipt_number, again.expires_on) == (NOON, 1, first.expires_on)
    assert available(platform.id) == 1_000


def test_another_payment_of_a_paid_order_is_refused_and_names_the_first(order, platform):
    pay(order)
    with pytest.raises(OrderRefused, match="bank 1"):
        pay(order, reference="bank 2")
    assert available(platform.id) == 1_000


def test_a_cancelled_order_cannot_be_paid(order, platform):
    cancel(order.id, actor=BUYER, now=NOON)
    with pytest.raises(OrderRefused):
        pay(order)
    assert available(platform.id) == 0
    assert seller().last_receipt_number == 0, "no receipt number is lost"


def test_a_paid_order_cannot_be_cancelled_for_credits_are_never_refunded(order, platform):
    pay(order)
    with pytest.raises(OrderRefused, match="never refunded"):
        cancel(order.id, actor=SELLER, now=NOON)
    assert (status_of(order.id), available(platform.id)) == ("paid", 1_000)


def test_cancelling_twice_keeps_who_did_it_first(order):
    cancel(order.id, actor=BUYER, now=NOON)
    cancel(order.id, actor=SELLER, now=NOON + timedelta(hours=1))
    assert (order.cancelled_by_name, order.cancelled_at) == ("Ada", NOON)


def test_an_order_keeps_the_price_and_terms_it_was_made_at(order, small, platform):
    change_package(small, DEARER, seen_terms_id=terms_of(small), actor=SELLER, now=NOON)
    retire_package(small, actor=SELLER, now=NOON)
    paid = pay(order)
    assert (paid.price_minor, paid.terms.credits) == (4_500, 1_000)
    assert paid.expires_on == date(2028, 11, 22), "24 months, as ordered"
    assert available(platform.id) == 1_000


def test_a_price_that_changed_since_the_page_was_shown_is_refused(small, platform):
    seen = terms_of(small)
    change_package(small, DEARER, seen_terms_id=seen, actor=SELLER, now=NOON)
    with pytest.raises(OrderRefused, match="changed"):
        place_order(platform.id, terms_id=seen, currency="EUR", key="key", actor=BUYER, now=NOON)


def test_a_retired_package_cannot_be_ordered(small, platform):
    retire_package(small, actor=SELLER, now=NOON)
    with pytest.raises(OrderRefused, match="not on sale"):
        place(platform.id, small)
    with pytest.raises(OrderRefused, match="not on sale"):
        place_order(platform.id, terms_id=2**60, currency="EUR", key="key", actor=BUYER, now=NOON)


def test_a_double_click_is_one_order(small, platform):
    assert place(platform.id, small).id == place(platform.id, small).id
    assert place(platform.id, small, key="another form").id != place(platform.id, small).id


def test_a_repeated_request_finds_its_order_though_the_package_is_retired_by_then(small, platform):
    order = place(platform.id, small)
    retire_package(small, actor=SELLER, now=NOON)
    assert place(platform.id, small).id == order.id


def test_the_key_of_a_form_does_not_order_something_else(small, large, platform):
    place(platform.id, small)
    with pytest.raises(OrderKeyReused):
        place(platform.id, large)
    with pytest.raises(OrderKeyReused):
        place(platform.id, small, currency="USD")


def test_two_platforms_may_use_the_same_key(small, platform):
    other = make_platform()
    assert place(platform.id, small).id != place(other.id, small).id


def test_dollars_cost_what_the_package_costs_in_dollars(small, platform):
    assert place(platform.id, small, currency="USD").price_minor == 5_000


@pytest.mark.parametrize("wrong", [{"currency": "GBP"}, {"currency": "eur"}, {"provider": "cash"}])
def test_a_currency_or_provider_there_is_not_is_refused(small, platform, wrong):
    asked = {"currency": "EUR", "key": "k", "actor": BUYER, "now": NOON} | wrong
    with pytest.raises(ValueError, match="no such"):
        place_order(platform.id, terms_id=terms_of(small), **asked)


def test_an_order_that_is_not_there_is_not_found(database):
    with pytest.raises(NoSuchOrder):
        mark_paid(404, reference="r", actor=SELLER, now=NOON)
    with pytest.raises(NoSuchOrder):
        cancel(404, actor=SELLER, now=NOON)


def test_paying_renews_the_credits_that_were_there(small, platform):
    pay(place(platform.id, small), now=NOON)
    later = NOON + timedelta(days=100)
    pay(place(platform.id, small, key="second"), reference="bank 2", now=later)
    days = {lot.expires_on for lot in engine.balance(platform.id, now=later).lots}
    assert days == {date(2029, 3, 2)}


def test_receipts_are_numbered_without_a_gap_and_keep_the_seller_they_were_given_by(small, platform):
    change_seller(Particulars("Aurora Media, Milan", "", "IBAN 1"), actor=SELLER, now=NOON)
    first = pay(place(platform.id, small, key="a"), reference="1")
    change_seller(Particulars("Aurora Media, Turin", "", "IBAN 1"), actor=SELLER, now=NOON)
    second = pay(place(platform.id, small, key="b"), reference="2")
    assert [(each.receipt_number, each.billed_by) for each in (first, second)] == [
        (1, "Aurora Media, Milan"),
        (2, "Aurora Media, Turin"),
    ]


def test_a_payment_that_the_engine_refuses_leaves_no_trace(platform):
    huge = on_sale(Terms(2**53 - 1, 24, 1, 1))
    pay(place(platform.id, huge, key="a"), reference="1")
    order = place(platform.id, huge, key="b")
    with pytest.raises(engine.BadQuantity):
        pay(order, reference="2")
    assert (status_of(order.id), seller().last_receipt_number) == ("pending", 1)


def test_the_ledger_names_the_order_it_was_paid_by(order):
    paid = pay(order)
    row = db.session.execute(
        text("SELECT subject_kind, subject_id FROM ledger_transaction WHERE id = :id"),
        {"id": paid.ledger_transaction_id},
    ).one()
    assert tuple(row) == ("order", order.id)


@pytest.mark.parametrize(
    "change",
    [
        "currency = 'USD'",
        "terms_id = (SELECT max(id) FROM package_terms)",
        "platform_id = platform_id + 1",
        "key = 'another'",
        "created_at = now()",
        "billed_to = 'Somebody else'",
    ],
)
def test_the_database_refuses_to_change_what_was_ordered(order, large, change):
    with pytest.raises(DBAPIError, match="keeps what it was made for"):
        db.session.execute(text(f'UPDATE "order" SET {change}'))


@pytest.mark.parametrize("change", ["status = 'pending'", "payment_reference = 'x'", "paid_at = now()"])
def test_the_database_never_lets_a_paid_order_change(order, change):
    pay(order)
    with pytest.raises(DBAPIError, match="never changes again"):
        db.session.execute(text(f'UPDATE "order" SET {change}'))


def test_the_database_never_lets_a_cancelled_order_come_back(order):
    cancel(order.id, actor=BUYER, now=NOON)
    with pytest.raises(DBAPIError, match="never changes again"):
        db.session.execute(text("""UPDATE "order" SET status = 'pending'"""))


@pytest.mark.parametrize("statement", ['DELETE FROM "order"', 'TRUNCATE "order"'])
def test_the_database_keeps_every_order(order, statement):
    with pytest.raises(DBAPIError):
        db.session.execute(text(statement))


@pytest.mark.parametrize(
    "change",
    [
        "status = 'paid'",
        "status = 'cancelled'",
        "paid_at = now()",
        "status = 'paid', paid_at = now(), paid_by_name = 'x', payment_reference = 'x', expires_on = now()",
    ],
)
def test_the_database_knows_no_half_paid_or_half_cancelled_order(order, change):
    with pytest.raises(DBAPIError):
        db.session.execute(text(f'UPDATE "order" SET {change}'))


def test_the_database_refuses_two_orders_with_one_ledger_transaction(small, platform):
    first = pay(place(platform.id, small, key="a"), reference="1")
    second = place(platform.id, small, key="b")
    with pytest.raises(DBAPIError, match="uq_order_ledger_transaction_id"):
        db.session.execute(
            text(
                "UPDATE \"order\" SET status = 'paid', paid_at = now(), paid_by_name = 'x', "
                "payment_reference = 'x', receipt_number = 9, billed_by = '', expires_on = now(), "
                "ledger_transaction_id = :same WHERE id = :id"
            ),
            {"same": first.ledger_transaction_id, "id": second.id},
        )


def test_orders_of_one_package_are_told_apart_by_their_reference(small, platform):
    place(platform.id, small, key="a")
    place(platform.id, small, key="b")
    references = {order.reference for order in db.session.scalars(select(Order))}
    assert len(references) == 2


def test_an_actor_is_kept_by_id_and_name(small, platform):
    ada = Actor(77, "Ada")
    order = place_order(platform.id, terms_id=terms_of(small), currency="EUR", key="k", actor=ada, now=NOON)
    assert (order.created_by_id, order.created_by_name) == (77, "Ada")
    assert SMALL.credits == order.terms.credits
