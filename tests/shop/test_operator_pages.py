"""The operator's packages and orders, and the seller's particulars."""

import pytest
from sqlalchemy import func, select

from tests.personas import make_platform, sign_in
from tests.shop.conftest import HTMX, LARGE, NOON, SELLER, on_sale, queries_of, status_of, terms_of, text_of
from tests.shop.test_order_pages import pay, place
from webapp import clock
from webapp.credits import engine
from webapp.db import db
from webapp.shop.models import Order, Package
from webapp.shop.orders import cancel
from webapp.shop.packages import Terms, change_package, history, packages_for_sale, retire_package
from webapp.shop.references import creditor_reference
from webapp.shop.seller import seller

FIELDS = {
    "credits": "5,000",
    "validity_months": "24",
    "price_eur": "200.00",
    "price_usd": "220,50",
    "seen": "0",
}
PARTICULARS = {
    "name_and_address": " Aurora Media ",
    "bank_details_eur": "IBAN IT60\nBIC X",
    "bank_details_usd": "ACCOUNT 2",
}
WRONG_FIELDS = [
    {"credits": ""},
    {"credits": "0"},
    {"credits": "-5"},
    {"credits": "1.5"},
    {"credits": "9007199254740992"},
    {"validity_months": "0"},
    {"validity_months": "1201"},
    {"price_eur": "free"},
    {"price_eur": "0"},
    {"price_usd": ""},
    {"price_usd": "1.234"},
    {"price_usd": "99999999999.00"},
]


@pytest.fixture
def olga(client, operator):
    return sign_in(client, operator)


@pytest.fixture
def order_id(platform, small) -> int:
    return place(platform.id, small)


def test_the_packages_stand_in_one_table_with_both_prices(olga, small, large):
    text = text_of(olga.get("/operator/packages"))
    assert "1,000 €45.00 $50.00 24 months" in text
    assert "costs more than" not in text


def test_no_packages_yet_says_what_to_do(olga, database):
    assert "Create the first package" in olga.get("/operator/packages").text


def test_a_larger_package_that_is_dearer_per_credit_is_warned_of(olga, small):
    on_sale(Terms(2_000, 24, 9_000, 9_100))
    text = text_of(olga.get("/operator/packages"))
    assert "In EUR, a credit of the package of 2,000 costs more than one of the package of 1,000." in text
    assert "In USD" not in text


def test_a_retired_package_is_no_reason_for_a_warning(olga, small):
    retire_package(on_sale(Terms(2_000, 24, 90_000, 90_000)), actor=SELLER, now=NOON)
    text = text_of(olga.get("/operator/packages"))
    assert "costs more than" not in text and "retired" in text


def test_a_package_is_put_on_sale(olga, database):
    answer = olga.post("/operator/packages/new", data=FIELDS)
    assert (answer.status_code, answer.location) == (303, "/operator/packages")
    [package] = packages_for_sale()
    assert (package.credits, package.validity_months) == (5_000, 24)
    assert package.price_minor == {"USD": 22_050, "EUR": 20_000}


def test_the_same_package_again_is_refused_with_what_was_typed(olga, database):
    olga.post("/operator/packages/new", data=FIELDS)
    answer = olga.post("/operator/packages/new", data=FIELDS, headers=HTMX)
    assert answer.status_code == 409
    assert "on sale already" in answer.text and 'value="200.00"' in answer.text
    assert len(packages_for_sale()) == 1


@pytest.mark.parametrize("wrong", WRONG_FIELDS)
def test_a_field_that_makes_no_sense_is_told_and_kept_to_be_mended(olga, small, wrong):
    for path in ("/operator/packages/new", f"/operator/packages/{small}"):
        answer = olga.post(path, data=FIELDS | wrong, headers=HTMX)
        assert answer.status_code == 422
        assert answer.text.count("invalid-feedback") == 1
        assert f'value="{next(iter(wrong.values()))}"' in answer.text
    assert len(packages_for_sale()) == 1 and len(history(small)) == 1


def test_an_empty_package_is_asked_to_be_filled_in(olga, database):
    answer = olga.post("/operator/packages/new", data={}, headers=HTMX)
    assert answer.status_code == 422
    assert answer.text.count("Fill this in.") >= 3
    assert "Enter an amount" not in answer.text


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_a_form_without_the_terms_it_was_opened_with_is_refused(olga, small, seen):
    assert olga.post(f"/operator/packages/{small}", data=FIELDS | {"seen": seen}).status_code == 422
    assert len(history(small)) == 1


def test_a_package_is_changed_and_shows_what_it_was(olga, small, operator):
    answer = olga.post(f"/operator/packages/{small}", data=FIELDS | {"seen": str(terms_of(small))})
    assert answer.status_code == 303
    text = text_of(olga.get(f"/operator/packages/{small}"))
    assert text.index("€200.00") < text.index("€45.00")
    assert operator.name in text and "Olga" in text


def test_a_package_changed_by_somebody_else_shows_the_new_terms_and_can_then_be_saved(olga, small):
    stale = FIELDS | {"seen": str(terms_of(small))}
    change_package(small, Terms(1_000, 24, 9, 8), seen_terms_id=terms_of(small), actor=SELLER, now=NOON)
    answer = olga.post(f"/operator/packages/{small}", data=stale, headers=HTMX)
    assert answer.status_code == 409
    assert "Somebody else changed" in answer.text
    assert f'name="seen" type="hidden" value="{terms_of(small)}"' in answer.text
    assert (
        olga.post(f"/operator/packages/{small}", data=FIELDS | {"seen": str(terms_of(small))}).status_code
        == 303
    )


def test_a_package_is_retired(olga, small):
    assert olga.post(f"/operator/packages/{small}/retire").status_code == 303
    assert packages_for_sale() == ()
    page = olga.get(f"/operator/packages/{small}").text
    assert "nobody can order it" in page and "Save the new terms" not in page
    assert olga.post(f"/operator/packages/{small}", data=FIELDS | {"seen": "1"}).status_code == 409


def test_the_packages_take_as_many_queries_however_many_there_are(olga, small):
    olga.get("/operator/packages")
    one = queries_of(lambda: olga.get("/operator/packages"))
    for number in range(2, 12):
        on_sale(Terms(number * 1_000, 24, number, number))
    assert queries_of(lambda: olga.get("/operator/packages")) == one <= 6


def test_orders_that_wait_stand_before_the_others(olga, platform, small):
    waiting, paid = place(platform.id, small, "a"), place(platform.id, small, "b")
    pay(paid)
    text = text_of(olga.get("/operator/orders"))
    assert text.index(f"Order {waiting} waiting") < text.index(f"Order {paid} paid")


def test_an_order_is_found_by_its_reference_or_number(olga, platform, small):
    first, second = place(platform.id, small, "a"), place(platform.id, small, "b")
    for find in (
        creditor_reference(second),
        creditor_reference(second).replace(" ", "").lower(),
        str(second),
    ):
        text = text_of(olga.get("/operator/orders", query_string={"find": find}, headers=HTMX))
        assert f"Order {second} " in text and f"Order {first} " not in text


@pytest.mark.parametrize("find", ["RF00 0000 0001", "x", "9" * 40, "'; DROP TABLE", "\x00"])
def test_a_mistyped_reference_finds_nothing_and_says_so(olga, order_id, find):
    answer = olga.get("/operator/orders", query_string={"find": find}, headers=HTMX)
    assert answer.status_code == 200
    assert "No order has this reference" in answer.text


def test_the_orders_take_as_many_queries_however_many_there_are(olga, platform, small):
    place(platform.id, small, "0")
    olga.get("/operator/orders")
    one = queries_of(lambda: olga.get("/operator/orders"))
    for number in range(1, 20):
        place(make_platform().id, small, str(number))
    assert queries_of(lambda: olga.get("/operator/orders")) == one <= 8


def test_the_operator_records_a_payment_and_the_credits_are_there(olga, operator, order_id, platform):
    answer = olga.post(f"/operator/orders/{order_id}/pay", data={"reference": " bank 1 "})
    assert (answer.status_code, answer.location) == (303, f"/operator/orders/{order_id}")
    order = db.session.get_one(Order, order_id)
    assert (order.status, order.payment_reference, order.paid_by_id) == ("paid", "bank 1", operator.id)
    assert engine.balance(platform.id, now=clock.now()).available == 1_000
    assert "Receipt 1" in olga.get(f"/operator/orders/{order_id}").text
    assert olga.get(f"/operator/orders/{order_id}/receipt").status_code == 200


def test_sending_the_payment_form_twice_creates_the_credits_once(olga, order_id, platform):
    for _ in range(2):
        assert olga.post(f"/operator/orders/{order_id}/pay", data={"reference": "bank 1"}).status_code == 303
    assert engine.balance(platform.id, now=clock.now()).available == 1_000


def test_a_second_payment_of_a_paid_order_is_refused_on_its_page(olga, order_id):
    pay(order_id)
    answer = olga.post(f"/operator/orders/{order_id}/pay", data={"reference": "another"}, headers=HTMX)
    assert answer.status_code == 409
    assert "bank 4711" in answer.text and 'id="order"' in answer.text


def test_a_payment_on_another_order_already_is_recorded_only_when_it_was_for_both(olga, platform, small):
    first, second = place(platform.id, small, "a"), place(platform.id, small, "b")
    olga.post(f"/operator/orders/{first}/pay", data={"reference": "bank 1"})
    before = engine.balance(platform.id, now=clock.now()).available
    asked = olga.post(f"/operator/orders/{second}/pay", data={"reference": "bank 1"})
    assert asked.status_code == 409
    assert f"Order {first} was paid by bank 1 already" in asked.text
    assert f'href="/operator/orders/{first}"' in asked.text
    assert 'value="bank 1"' in asked.text, "what was typed is kept"
    assert engine.balance(platform.id, now=clock.now()).available == before
    given = {"reference": "bank 1", "for_several": "y"}
    assert olga.post(f"/operator/orders/{second}/pay", data=given).status_code == 303
    assert engine.balance(platform.id, now=clock.now()).available == 2 * before


@pytest.mark.parametrize("reference", ["", "   ", "x" * 141])
def test_a_payment_without_a_reference_is_not_recorded(olga, order_id, reference):
    answer = olga.post(f"/operator/orders/{order_id}/pay", data={"reference": reference}, headers=HTMX)
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.text
    assert status_of(order_id) == "pending"


def test_the_operator_cancels_an_order(olga, order_id):
    assert olga.post(f"/operator/orders/{order_id}/cancel").status_code == 303
    assert status_of(order_id) == "cancelled"
    page = olga.get(f"/operator/orders/{order_id}").text
    assert "Record the payment" not in page
    assert olga.post(f"/operator/orders/{order_id}/pay", data={"reference": "late"}).status_code == 409


def test_a_paid_order_cannot_be_cancelled_by_the_operator_either(olga, order_id):
    pay(order_id)
    assert olga.post(f"/operator/orders/{order_id}/cancel").status_code == 409
    assert status_of(order_id) == "paid"


def test_no_orders_yet_says_how_they_come(olga, database):
    assert "No orders yet" in olga.get("/operator/orders").text


def test_the_orders_page_reminds_of_missing_bank_accounts(olga, database):
    assert "is missing" in olga.get("/operator/orders").text
    olga.post("/operator/orders/seller", data=PARTICULARS)
    assert "is missing" not in olga.get("/operator/orders").text


def test_the_sellers_particulars_are_kept_with_who_changed_them(olga, operator):
    assert olga.post("/operator/orders/seller", data=PARTICULARS).status_code == 303
    kept = seller()
    assert (kept.name_and_address, kept.bank_details("EUR")) == ("Aurora Media", "IBAN IT60\nBIC X")
    page = olga.get("/operator/orders/seller").text
    assert operator.name in page and "ACCOUNT 2" in page


def test_htmx_after_saving_gets_the_page_with_a_message_and_no_widget(olga):
    olga.post("/operator/orders/seller", data=PARTICULARS)
    answer = olga.get("/operator/orders", headers=HTMX)
    assert answer.status_code == 200
    assert "Saved." in answer.text


@pytest.mark.parametrize("wrong", [{"name_and_address": " "}, {"bank_details_eur": "x" * 1001}])
def test_particulars_that_cannot_stand_on_a_receipt_are_refused(olga, wrong):
    answer = olga.post("/operator/orders/seller", data=PARTICULARS | wrong, headers=HTMX)
    assert answer.status_code == 422
    assert seller().name_and_address == ""


OPERATOR_PAGES = (
    "/operator/packages",
    "/operator/packages/new",
    "/operator/packages/{package}",
    "/operator/orders",
    "/operator/orders/seller",
    "/operator/orders/{order}",
    "/operator/orders/{order}/receipt",
)
OPERATOR_FORMS = (
    "/operator/packages/new",
    "/operator/packages/{package}",
    "/operator/packages/{package}/retire",
    "/operator/orders/seller",
    "/operator/orders/{order}/pay",
    "/operator/orders/{order}/cancel",
)


@pytest.mark.parametrize("path", OPERATOR_PAGES[:-1])
def test_htmx_gets_the_fragment_of_every_page(olga, small, order_id, path):
    path = path.format(package=small, order=order_id)
    page, fragment = olga.get(path), olga.get(path, headers=HTMX)
    assert page.status_code == fragment.status_code == 200
    assert "<html" in page.text and "<html" not in fragment.text
    assert fragment.text.lstrip().startswith("<section id=")


@pytest.mark.parametrize("role", ["admin", "marketer", "viewer", None])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_but_an_operator_sells(client, request, small, order_id, role, method):
    person = sign_in(client, request.getfixturevalue(role) if role else None)
    everything = FIELDS | PARTICULARS | {"reference": "r"}
    for path in OPERATOR_PAGES if method == "get" else OPERATOR_FORMS:
        ask = person.get if method == "get" else person.post
        answer = ask(
            path.format(package=small, order=order_id), **({} if method == "get" else {"data": everything})
        )
        assert answer.status_code == (403 if role else 303), path
    assert status_of(order_id) == "pending"
    assert seller().name_and_address == ""
    assert (
        db.session.scalar(select(func.count()).select_from(Package).where(Package.retired_at.is_(None))) == 1
    )


@pytest.mark.parametrize("number", ["0", "123456789", "9" * 25])
def test_what_is_not_there_is_404(olga, number):
    for path in OPERATOR_PAGES:
        if "{" in path:
            assert olga.get(path.format(package=number, order=number)).status_code == 404
    for path in OPERATOR_FORMS:
        if "{" in path:
            answer = olga.post(path.format(package=number, order=number), data=FIELDS)
            assert answer.status_code == 404 or (answer.status_code == 405 and len(number) > 19)


def test_a_cancelled_order_says_by_whom(olga, order_id):
    cancel(order_id, actor=SELLER, now=NOON)
    assert "by Olga" in text_of(olga.get(f"/operator/orders/{order_id}"))
    assert LARGE.credits == 10_000
