"""GET and POST /buy: an admin chooses a package, sees the days, and orders it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from tests.personas import sign_in
from tests.shop.conftest import HTMX, NOON, SELLER, SMALL, on_sale, queries_of, terms_of, text_of
from webapp import clock
from webapp.credits import engine
from webapp.credits.expiry import add_months, rome_day
from webapp.credits.terms import Subject
from webapp.db import db
from webapp.shop.models import Order
from webapp.shop.packages import Terms, change_package, retire_package
from webapp.web.formats import day


@pytest.fixture
def ada(client, admin, small, large):
    """The admin's browser, with two packages on sale."""
    return sign_in(client, admin)


def form(package_id: int, **fields: str) -> dict[str, str]:
    given = {"terms": str(terms_of(package_id)), "currency": "EUR", "key": "key-of-a-form", "country": "IT"}
    return given | fields


def orders() -> list[Order]:
    db.session.expire_all()
    return list(db.session.scalars(select(Order).order_by(Order.id)))


def said(app, on: date) -> str:
    with app.test_request_context():
        return day(on)


def last_day(months: int = 24) -> date:
    return add_months(rome_day(clock.now()), months) - timedelta(days=1)


def grant(platform, credits: int, expires_on: date | None) -> None:
    engine.grant(
        platform.id,
        credits,
        expires_on=expires_on,
        reason="bonus",
        actor=SELLER,
        now=clock.now(),
        key=f"{credits}",
    )


def test_the_page_shows_the_packages_and_chooses_the_smallest_to_begin_with(ada):
    text = text_of(ada.get("/buy?country=IT"))
    assert "1,000 valid for 24 months €45.00 500 €0.0900" in text
    assert "1,000 credits for €45.00" in text
    assert "never refunded and never leave" in text


def test_before_payment_it_says_until_when_the_credits_of_a_first_purchase_last(ada, app):
    text = text_of(ada.get("/buy"))
    assert f"If paid today, these credits can be used until {said(app, last_day())}, Italian time." in text


def test_before_payment_it_shows_the_new_day_of_all_credits_and_the_day_they_have_now(
    ada, app, platform, large
):
    soon = rome_day(clock.now()) + timedelta(days=100)
    grant(platform, 2_480, soon)
    text = text_of(ada.get(f"/buy?package={large}"))
    before = said(app, soon - timedelta(days=1))
    assert (
        f"If paid today, all 12,480 credits will be usable until {said(app, last_day())}, "
        f"Italian time (now {before})." in text
    )


def test_credits_that_keep_their_day_are_listed_with_it(ada, app, platform):
    grant(platform, 20, None)
    grant(platform, 50, rome_day(clock.now()) + timedelta(days=2_000))
    text = text_of(ada.get("/buy"))
    assert "If paid today, 1,000 of 1,070 credits will be usable until" in text
    assert "20 no expiry no expiry" in text


def test_the_day_shown_is_the_day_the_credits_then_have(ada, app, platform, small):
    grant(platform, 300, rome_day(clock.now()) + timedelta(days=10))
    shown = said(app, last_day())
    assert shown in text_of(ada.get("/buy"))
    engine.purchase(
        platform.id,
        1_000,
        validity_months=24,
        subject=Subject("order", 1),
        actor=SELLER,
        now=clock.now(),
        key="k",
    )
    lots = engine.balance(platform.id, now=clock.now()).lots
    assert {said(app, lot.expires_on - timedelta(days=1)) for lot in lots} == {shown}


def test_choosing_another_package_shows_its_own_days(ada, app):
    short = on_sale(Terms(500, 6, 3_000, 2_800))
    text = text_of(ada.get(f"/buy?package={short}"))
    assert "500 credits for €28.00" in text
    assert said(app, last_day(6)) in text


def test_the_choice_and_the_way_back_stay_in_every_link(ada, small, large):
    html = ada.get("/buy?country=DE&currency=USD&back=/campaigns/3").text
    assert f"/buy?country=DE&amp;currency=USD&amp;package={large}&amp;back=/campaigns/3" in html
    assert '<a class="way-back" href="/campaigns/3">' in html


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_never_leads_to_another_site(ada, small, back):
    html = ada.get("/buy", query_string={"back": back}).text
    assert "way-back" not in html and 'name="back"' not in html and "back=" not in html.split("<main")[1]
    answer = ada.post("/buy", data=form(small, back=back))
    assert "evil" not in answer.location and "back" not in answer.location


def test_ordering_leads_to_the_order_with_the_way_back(ada, small, admin):
    answer = ada.post("/buy", data=form(small, back="/campaigns/3"))
    [order] = orders()
    assert (answer.status_code, answer.location) == (303, f"/orders/{order.id}?back=/campaigns/3")
    assert (order.status, order.currency, order.price_minor) == ("pending", "EUR", 4_500)
    assert (order.created_by_id, order.created_by_name) == (admin.id, admin.name)


def test_htmx_is_told_to_go_to_the_order(ada, small):
    answer = ada.post("/buy", data=form(small), headers=HTMX | {"HX-Current-URL": "http://localhost/buy"})
    assert answer.headers["HX-Redirect"].startswith("/orders/")


def test_a_double_click_on_order_is_one_order(ada, small):
    first, second = (ada.post("/buy", data=form(small)) for _ in range(2))
    assert first.location == second.location
    assert len(orders()) == 1


def test_every_page_has_a_key_of_its_own(ada):
    assert ada.get("/buy").text != ada.get("/buy").text


def test_a_price_that_changed_meanwhile_is_shown_instead_of_ordered(ada, small):
    seen = form(small, package=str(small))
    change_package(
        small, Terms(1_000, 24, 6_000, 5_500), seen_terms_id=terms_of(small), actor=SELLER, now=NOON
    )
    answer = ada.post("/buy", data=seen, headers=HTMX)
    assert answer.status_code == 409
    assert "have changed" in answer.text
    assert "1,000 credits for €55.00" in text_of(answer)
    assert orders() == []


def test_a_package_that_was_retired_meanwhile_is_refused_on_a_page_that_works(ada, small):
    seen = form(small, package=str(small))
    retire_package(small, actor=SELLER, now=NOON)
    answer = ada.post("/buy", data=seen)
    assert answer.status_code == 409
    assert "not on sale" in answer.text and "10,000" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"terms": ""},
        {"terms": "x"},
        {"terms": "-1"},
        {"terms": "9" * 30},
        {"currency": "GBP"},
        {"key": ""},
        {"key": "k" * 65},
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_order_that_makes_no_sense_is_answered_with_a_page_to_choose_from(ada, small, wrong, headers):
    answer = ada.post("/buy", data=form(small) | wrong, headers=headers)
    assert answer.status_code == 422
    assert "could not be read" in answer.text and "1,000" in answer.text
    assert orders() == []


def test_a_key_used_for_something_else_is_refused(ada, small, large):
    ada.post("/buy", data=form(small))
    assert ada.post("/buy", data=form(large)).status_code == 409
    assert len(orders()) == 1


@pytest.mark.parametrize(
    "query", ["package=0", "package=x", "package=99999999999999999999", "country=XX", "currency=X"]
)
def test_a_wrong_parameter_gets_a_sentence_and_a_table(ada, query):
    answer = ada.get(f"/buy?{query}", headers=HTMX)
    assert answer.status_code == 422
    assert "alert" in answer.text and "€45.00" in answer.text


def test_a_retired_package_in_an_old_link_is_not_offered(ada, small):
    retire_package(small, actor=SELLER, now=NOON)
    answer = ada.get(f"/buy?package={small}")
    assert answer.status_code == 422
    assert "not on sale" in answer.text


def test_nothing_on_sale_says_whom_to_ask(client, admin):
    assert "Ask the operator" in sign_in(client, admin).get("/buy").text


@pytest.mark.parametrize("role", ["marketer", "viewer", "operator"])
def test_only_an_admin_buys(client, request, small, role):
    person = sign_in(client, request.getfixturevalue(role))
    assert person.get("/buy").status_code == 403
    assert person.post("/buy", data=form(small)).status_code == 403
    assert orders() == []


def test_somebody_signed_out_is_sent_to_sign_in(client, small):
    for answer in (client.get("/buy"), client.post("/buy", data=form(small))):
        assert answer.status_code == 303
        assert "/sign-in" in answer.location or "/login" in answer.location
    assert orders() == []


def test_the_page_asks_the_database_as_often_for_many_packages_as_for_two(ada):
    ada.get("/buy")
    two = queries_of(lambda: ada.get("/buy"))
    for number in range(2, 8):
        on_sale(Terms(number * 700, 24, number * 3_000, number * 3_000))
    assert queries_of(lambda: ada.get("/buy")) == two <= 14
    assert SMALL.credits == 1_000
