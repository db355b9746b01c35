"""Headers, theme, language, redirects and the two answers of one address."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.personas import sign_in
from webapp.accounts.models import User
from webapp.web.redirects import local_path

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#people"}


@pytest.mark.parametrize("address", ["/sign-in", "/prices", "/nothing", "/static/app.css"])
def test_every_answer_carries_the_headers(client: FlaskClient, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_https_is_kept_for_a_year_and_only_said_over_https(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/sign-in").headers
    secure = client.get("/sign-in", base_url="https://localhost")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_pages_are_kept_by_nobody_and_marked_files_for_a_year(client: FlaskClient) -> None:
    page = client.get("/sign-in")
    assert page.headers["Cache-Control"] == "no-store, private"
    style = re.search(r'href="(/static/app\.css\?v=[0-9a-f]+)"', page.text)
    assert style
    assert "immutable" in client.get(style.group(1)).headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/", "/people", "/platform", "/reports", "/buy", "/assign", "/ledger"])
def test_no_page_has_a_script_or_style_of_its_own(client: FlaskClient, admin: User, address: str) -> None:
    page = sign_in(client, admin).get(address).text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", page) == []


def test_the_theme_is_kept_and_only_known_ones(client: FlaskClient) -> None:
    assert 'data-theme="system"' in client.get("/sign-in").text
    answer = client.post("/look", data={"theme": "dark", "next": "/prices?country=IT"})
    assert answer.location == "/prices?country=IT"
    assert 'data-bs-theme="dark"' in client.get("/sign-in").text
    client.post("/look", data={"theme": "<script>"})
    assert 'data-bs-theme="dark"' in client.get("/sign-in").text


def test_without_a_choice_the_browsers_hint_decides(client: FlaskClient) -> None:
    page = client.get("/sign-in", headers={"Sec-CH-Prefers-Color-Scheme": '"dark"'})
    assert 'data-bs-theme="dark"' in page.text
    assert "Sec-CH-Prefers-Color-Scheme" in page.headers["Vary"]


def test_the_language_is_the_browsers_until_one_is_chosen(client: FlaskClient) -> None:
    assert '<html lang="it"' in client.get("/sign-in", headers={"Accept-Language": "it-IT,it;q=0.9"}).text
    assert '<html lang="en"' in client.get("/sign-in", headers={"Accept-Language": "fr"}).text
    client.post("/look", data={"language": "it"})
    assert '<html lang="it"' in client.get("/sign-in", headers={"Accept-Language": "en"}).text


def test_choosing_a_look_never_leads_to_another_site(client: FlaskClient) -> None:
    assert client.post("/look", data={"theme": "dark", "next": "//evil.example"}).location == "/"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        None,
        "https://a.b",
        "//a.b",
        "///a.b",
        "/\\a.b",
        "\\/a.b",
        "/a\n//b",
        "javascript:x",
        "a",
        "/\t/a.b",
    ],
)
def test_a_way_back_that_is_no_path_of_ours_is_refused(bad: str | None) -> None:
    assert local_path(bad) == "/"


@given(st.text(max_size=40))
def test_a_way_back_is_always_a_path_of_ours(target: str) -> None:
    path = local_path(target)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))


def test_one_address_answers_with_page_or_fragment_and_caches_can_tell(
    client: FlaskClient, admin: User
) -> None:
    sign_in(client, admin)
    page, fragment = client.get("/people"), client.get("/people", headers=HTMX)
    assert "<html" in page.text
    assert "<html" not in fragment.text
    for answer in (page, fragment):
        assert {"HX-Request", "HX-Request-Type", "HX-Target"} <= set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize(
    "more",
    [{"HX-Request-Type": "full"}, {"HX-History-Restore-Request": "true"}, {"HX-Boosted": "true"}],
)
def test_a_whole_page_is_given_where_htmx_wants_one(
    client: FlaskClient, admin: User, more: dict[str, str]
) -> None:
    assert "<html" in sign_in(client, admin).get("/people", headers=HTMX | more).text


def test_after_a_post_by_htmx_the_fragment_brings_the_words_with_it(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    headers = HTMX | {"HX-Current-URL": "http://localhost/platform", "HX-Target": "div#platform"}
    data = {"name": "Aurora Two", "time_zone": "Europe/Berlin", "currency": "USD", "language": "en"}
    answer = client.post("/platform", data=data | {"burn_order": "earliest_expiry_first"}, headers=headers)
    assert answer.status_code == 303
    followed = client.get(answer.location, headers=headers)
    assert 'id="messages"' in followed.text
    assert "hx-swap-oob" in followed.text
    assert "It counts from now on" in followed.text


def test_htmx_is_told_to_go_when_the_work_ends_on_another_page(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    headers = HTMX | {"HX-Current-URL": f"http://localhost/people/{admin.id}"}
    data = {"name": "Ada", "role": "admin", "active": "y"}
    answer = client.post(f"/people/{admin.id}", data=data, headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/people")


def test_words_that_people_typed_are_never_markup(client: FlaskClient, admin: User, app: Flask) -> None:
    sign_in(client, admin)
    data = {"name": "<b onclick=x>", "email": "b@example.com", "role": "viewer"}
    client.post("/people", data=data)
    page = client.get("/people").text
    assert "<b onclick" not in page
    assert "&lt;b onclick=x&gt;" in page
