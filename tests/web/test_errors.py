"""Errors are pages of the house: what to do, a reference, never the database's own words."""

import logging
import re
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.personas import sign_in
from webapp.accounts.models import User
from webapp.db import db
from webapp.errors import Refused
from webapp.web.errors import STATUSES, WORDS

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#x"}


class TooFew(Refused):
    slug = "insufficient-credits"


@pytest.fixture
def view(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the address /prices do what a test says."""

    def does(function: Any) -> None:
        monkeypatch.setitem(app.view_functions, "shop.prices", function)

    return does


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 413, 422, 429, 500, 503])
def test_each_error_is_a_page_with_a_reference(client: FlaskClient, view: Any, status: int) -> None:
    view(lambda: abort(status))
    answer = client.get("/prices")
    assert answer.status_code == status
    assert "<h1" in answer.text
    assert str(WORDS[status][1]) in answer.text.replace("&#39;", "'")
    assert re.search(r"Reference: [0-9a-f]{8}", answer.text)


@pytest.mark.parametrize("status", [404, 422, 500])
def test_htmx_gets_an_error_as_a_fragment(client: FlaskClient, view: Any, status: int) -> None:
    view(lambda: abort(status))
    answer = client.get("/prices", headers=PARTIAL)
    assert answer.status_code == status
    assert answer.text.lstrip().startswith('<div id="error"')
    assert "<html" not in answer.text


def test_the_reference_on_the_page_stands_in_the_log(
    client: FlaskClient, view: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise ValueError("a secret of ours")

    view(broken)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/prices")
    reference = re.search(r"Reference: ([0-9a-f]{8})", answer.text)
    assert answer.status_code == 500
    assert reference
    assert reference.group(1) in caplog.text
    assert "a secret of ours" in caplog.text
    assert "a secret of ours" not in answer.text


def test_a_stray_error_of_the_database_is_never_shown(client: FlaskClient, view: Any) -> None:
    def wrong() -> str:
        db.session.execute(text("SELECT secret_column FROM platform"))
        return ""

    view(wrong)
    answer = client.get("/prices")
    assert answer.status_code == 500
    assert "secret_column" not in answer.text
    assert "psycopg" not in answer.text


def test_when_the_database_is_away_the_page_says_so_without_asking_it(
    client: FlaskClient, admin: User, view: Any, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, admin)

    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused at 10.0.0.7"))

    monkeypatch.setattr("webapp.accounts.sessions.alive", away)
    for headers in ({}, PARTIAL):
        answer = client.get("/people", headers=headers)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "30"
        assert "The database is away" in answer.text
        assert "10.0.0.7" not in answer.text


def test_a_refusal_says_its_sentence_and_has_its_status(client: FlaskClient, view: Any) -> None:
    def refuse() -> str:
        raise TooFew("VIP is 84 credits short: assign 84 more.")

    view(refuse)
    answer = client.get("/prices")
    assert answer.status_code == 409
    assert "VIP is 84 credits short" in answer.text


def test_a_refusal_keeps_nothing(client: FlaskClient, view: Any, admin: User) -> None:
    def half_done() -> str:
        person = db.session.get(User, admin_id)
        assert person
        person.name = "Changed"
        db.session.flush()
        raise TooFew("No.")

    admin_id, before = admin.id, admin.name
    view(half_done)
    client.get("/prices")
    db.session.expire_all()
    assert admin.name == before


def test_every_refusal_has_a_status_that_exists() -> None:
    assert set(STATUSES.values()) <= set(WORDS)


def test_an_unknown_address_and_method_are_pages_too(client: FlaskClient) -> None:
    assert client.get("/no/such/page").status_code == 404
    wrong = client.put("/sign-in")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["Allow"]


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/campaigns/8/schedule", "/campaigns/8"),
        ("/campaigns/8/test", "/campaigns/8"),
        ("/lists/3/recipients/5/unsubscribe", "/lists/3/recipients/5"),
        ("/assign/free", "/assign"),
        ("/ledger/export", "/ledger"),
        ("/operator/orders/2/pay", "/operator/orders/2"),
        ("/operator/platforms/1/people/2/invite", "/operator/platforms/1"),
    ],
)
def test_an_address_that_only_takes_forms_leads_to_the_page_it_was_about(
    client: FlaskClient, address: str, page: str
) -> None:
    for answer in (client.get(address), client.head(address)):
        assert (answer.status_code, answer.location) == (303, page)


def test_what_is_too_large_is_413(client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 100)
    answer = client.post("/sign-in", data={"email": "x" * 500})
    assert answer.status_code == 413


def test_an_address_for_machines_has_no_page_above(client: FlaskClient) -> None:
    assert client.get("/gateways/sandbox/receipts").status_code == 405


def test_only_looking_leads_to_the_page_above(client: FlaskClient) -> None:
    assert client.put("/campaigns/8/schedule").status_code == 405
