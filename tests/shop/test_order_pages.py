"""A platform's orders: the list, one order, cancelling it, and its receipt."""

import pytest

from tests.personas import sign_in
from tests.shop.conftest import HTMX, NOON, SELLER, queries_of, status_of, terms_of, text_of
from webapp.credits.terms import Actor
from webapp.shop.orders import cancel, mark_paid, place_order
from webapp.shop.seller import Particulars, change_seller


def place(platform_id: int, package_id: int, key: str = "key", currency: str = "EUR") -> int:
    order = place_order(
        platform_id,
        terms_id=terms_of(package_id),
        currency=currency,
        key=key,
        actor=Actor(None, "Ada"),
        now=NOON,
    )
    return order.id


def pay(order_id: int, reference: str = "bank 4711") -> None:
    mark_paid(order_id, reference=reference, actor=SELLER, now=NOON)


@pytest.fixture
def order_id(platform, small) -> int:
    return place(platform.id, small)


@pytest.fixture
def ada(client, admin):
    return sign_in(client, admin)


def test_a_pending_order_says_how_to_pay_it(ada, order_id):
    change_seller(Particulars("Aurora Media", "ACCOUNT 2", "IBAN IT60 X054"), actor=SELLER, now=NOON)
    answer = ada.get(f"/orders/{order_id}")
    text = text_of(answer)
    assert "waiting for payment" in text
    assert "Please transfer €45.00" in text
    assert "IBAN IT60 X054" in text and "ACCOUNT 2" not in text
    assert f"RF{check(order_id):02d}" in text.replace(" ", "")


def check(order_id: int) -> int:
    return 98 - int(f"{order_id:08d}271500") % 97


def test_dollars_go_to_the_account_for_dollars(ada, platform, small):
    change_seller(Particulars("Aurora Media", "ACCOUNT 2", "IBAN IT60 X054"), actor=SELLER, now=NOON)
    text = text_of(ada.get(f"/orders/{place(platform.id, small, currency='USD')}"))
    assert "Please transfer $50.00" in text
    assert "ACCOUNT 2" in text and "IBAN IT60" not in text


def test_an_account_that_nobody_has_entered_is_said_to_be_missing(ada, order_id):
    assert "has not entered an account for EUR" in ada.get(f"/orders/{order_id}").text


def test_bank_details_are_text_and_never_markup(ada, order_id):
    change_seller(Particulars("x", "", "<script>alert(1)</script>"), actor=SELLER, now=NOON)
    html = ada.get(f"/orders/{order_id}").text
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html


def test_htmx_gets_the_order_alone(ada, order_id):
    answer = ada.get(f"/orders/{order_id}", headers=HTMX)
    assert answer.text.lstrip().startswith('<section id="order"')
    assert "HX-Request" in answer.headers["Vary"]


def test_the_way_back_to_a_draft_stays(ada, order_id):
    html = ada.get(f"/orders/{order_id}?back=/campaigns/3").text
    assert '<a class="way-back" href="/campaigns/3">' in html
    assert "way-back" not in ada.get(f"/orders/{order_id}?back=https://evil.example").text


def test_an_admin_cancels_a_pending_order(ada, admin, order_id):
    answer = ada.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
    text = text_of(ada.get(f"/orders/{order_id}"))
    assert f"by {admin.name}" in text and "do not pay this order" in text


def test_htmx_gets_the_order_the_message_and_the_widget_beside_each_other(ada, order_id):
    ada.post(f"/orders/{order_id}/cancel")
    html = ada.get(f"/orders/{order_id}", headers=HTMX).text
    assert html.lstrip().startswith('<section id="order"')
    assert '<div id="messages"' in html and "The order is cancelled." in html
    assert "&lt;section" not in html


def test_a_paid_order_shows_who_recorded_it_and_cannot_be_cancelled(ada, order_id):
    pay(order_id)
    text = text_of(ada.get(f"/orders/{order_id}"))
    assert "recorded by Olga" in text and "bank 4711" in text
    assert "Cancel" not in text
    answer = ada.post(f"/orders/{order_id}/cancel")
    assert answer.status_code == 409
    assert "never refunded" in answer.text
    assert status_of(order_id) == "paid"


def test_the_receipt_says_who_sold_what_to_whom(ada, order_id):
    change_seller(Particulars("Aurora Media\nVia Roma 1", "", "IBAN"), actor=SELLER, now=NOON)
    pay(order_id)
    text = text_of(ada.get(f"/orders/{order_id}/receipt"))
    for said in (
        "Receipt 1",
        "Aurora Media Via Roma 1",
        "Aurora",
        "1,000 SMS credits, valid for 24 months",
        "€45.00",
    ):
        assert said in text
    assert "bank 4711" in text


def test_there_is_no_receipt_before_payment_nor_after_cancelling(ada, order_id):
    assert ada.get(f"/orders/{order_id}/receipt").status_code == 404
    cancel(order_id, actor=SELLER, now=NOON)
    assert ada.get(f"/orders/{order_id}/receipt").status_code == 404


def test_the_list_shows_the_newest_first_with_status_and_receipt(ada, platform, small):
    first, second = place(platform.id, small, "a"), place(platform.id, small, "b")
    pay(first)
    text = text_of(ada.get("/orders"))
    assert text.index(f"Order {second} waiting for payment") < text.index(f"Order {first} paid")
    assert "Receipt 1" in text


def test_an_empty_list_says_what_to_do(ada):
    text = text_of(ada.get("/orders"))
    assert "No orders yet" in text and "Buy credits" in text


def test_a_long_list_has_pages(ada, platform, small):
    for number in range(51):
        place(platform.id, small, f"key {number}")
    assert "1 to 50 of 51" in text_of(ada.get("/orders"))
    assert "51 to 51 of 51" in text_of(ada.get("/orders?page=2", headers=HTMX))


def test_the_list_asks_the_database_as_often_for_many_orders_as_for_one(ada, platform, small):
    place(platform.id, small, "0")
    ada.get("/orders")
    one = queries_of(lambda: ada.get("/orders"))
    for number in range(1, 20):
        place(platform.id, small, str(number))
    assert queries_of(lambda: ada.get("/orders")) == one <= 12


@pytest.mark.parametrize("path", ["", "/receipt"])
def test_another_platforms_order_is_not_there(client, stranger, order_id, path):
    pay(order_id)
    assert sign_in(client, stranger).get(f"/orders/{order_id}{path}").status_code == 404


def test_another_platforms_order_cannot_be_cancelled_and_is_not_listed(client, stranger, order_id):
    visitor = sign_in(client, stranger)
    assert visitor.post(f"/orders/{order_id}/cancel").status_code == 404
    assert f"Order {order_id}" not in visitor.get("/orders").text
    assert status_of(order_id) == "pending"


@pytest.mark.parametrize("number", ["0", "999999", "99999999999999999999999"])
@pytest.mark.parametrize("path", ["", "/receipt"])
def test_an_order_that_is_not_there_is_404(ada, number, path):
    assert ada.get(f"/orders/{number}{path}").status_code == 404


@pytest.mark.parametrize("role", ["marketer", "viewer", "operator"])
def test_only_an_admin_sees_and_cancels_orders(client, request, order_id, role):
    person = sign_in(client, request.getfixturevalue(role))
    for path in ("/orders", f"/orders/{order_id}", f"/orders/{order_id}/receipt"):
        assert person.get(path).status_code == 403
    assert person.post(f"/orders/{order_id}/cancel").status_code == 403
    assert status_of(order_id) == "pending"


def test_somebody_signed_out_is_sent_to_sign_in(client, order_id):
    for path in ("/orders", f"/orders/{order_id}", f"/orders/{order_id}/receipt"):
        assert client.get(path).status_code == 303
    assert client.post(f"/orders/{order_id}/cancel").status_code == 303
    assert status_of(order_id) == "pending"
