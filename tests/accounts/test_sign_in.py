"""/sign-in, /sign-out and the passwords: who gets in, how often one may try, and what a link is good for."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.personas import PASSWORD, make_person, sign_in
from webapp.accounts import people
from webapp.accounts.models import Platform, User

NEW = "four words in a row"


def enter(client: FlaskClient, email: str | None, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", data={"email": email, "password": password, **more})


def test_a_person_signs_in_and_out(client: FlaskClient, admin: User) -> None:
    assert enter(client, admin.email).location == "/"
    assert client.get("/").status_code == 200
    assert client.post("/sign-out").location == "/sign-in"
    assert client.get("/").status_code == 303


def test_the_case_of_the_address_does_not_matter(client: FlaskClient, admin: User) -> None:
    assert enter(client, str(admin.email).upper()).status_code == 302


def test_a_wrong_password_and_an_unknown_address_read_the_same(client: FlaskClient, admin: User) -> None:
    wrong = enter(client, admin.email, "not the password")
    unknown = enter(client, "nobody@example.com")
    assert "do not match" in wrong.text
    assert "do not match" in unknown.text
    assert wrong.status_code == unknown.status_code == 422


def test_somebody_invited_somebody_kept_out_and_somebody_removed_do_not_get_in(
    client: FlaskClient, platform: Platform, admin: User
) -> None:
    waiting = make_person(platform, "viewer", password=None)
    out = make_person(platform, "viewer", active=False)
    for person in (waiting, out):
        assert enter(client, person.email).status_code == 422
        assert client.get("/").status_code == 303


def test_signing_out_ends_a_copy_of_the_cookie_too(client: FlaskClient, admin: User) -> None:
    enter(client, admin.email)
    copied = client.get_cookie("sms_credits")
    client.post("/sign-out")
    assert copied
    client.set_cookie("sms_credits", copied.value)
    assert client.get("/").status_code == 303


def test_signing_in_again_ends_the_sign_in_before(client: FlaskClient, admin: User, marketer: User) -> None:
    enter(client, admin.email)
    copied = client.get_cookie("sms_credits")
    client.post("/sign-out")
    enter(client, marketer.email)
    assert client.get("/").status_code == 200
    assert copied
    client.set_cookie("sms_credits", copied.value)
    assert client.get("/").status_code == 303


def test_no_answer_remembers_a_browser_for_ever(client: FlaskClient, admin: User) -> None:
    enter(client, admin.email, remember="y")
    client.delete_cookie("sms_credits")
    assert client.get("/").status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(client: FlaskClient, admin: User) -> None:
    cookies = enter(client, admin.email).headers.getlist("Set-Cookie")
    held = next(cookie for cookie in cookies if cookie.startswith("sms_credits="))
    assert "HttpOnly" in held
    assert "SameSite=Lax" in held


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "\thttps://evil.example",
        "http:///evil.example",
        "/%09/evil.example\n",
    ],
)
def test_signing_in_never_sends_to_another_site(client: FlaskClient, admin: User, elsewhere: str) -> None:
    by_form = enter(client, admin.email, next=elsewhere)
    target = by_form.location or "/"
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


def test_signing_in_goes_where_somebody_wanted_to_go(client: FlaskClient, admin: User) -> None:
    assert enter(client, admin.email, next="/people?page=2").location == "/people?page=2"


def test_guessing_at_an_account_is_stopped_and_says_when_to_try_again(
    client: FlaskClient, admin: User, time_machine: Any
) -> None:
    time_machine.move_to("2026-03-01T10:00:00Z", tick=False)
    answers = [enter(client, admin.email, f"guess number {n}").status_code for n in range(11)]
    assert answers == [422] * 10 + [429]
    refused = enter(client, admin.email)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 15 * 60 + 1
    time_machine.shift(timedelta(minutes=16))
    assert enter(client, admin.email).status_code == 302


def test_other_spellings_of_an_address_are_guesses_at_the_same_account(
    client: FlaskClient, platform: Platform, database: Session
) -> None:
    person = make_person(platform, "viewer")
    person.email = "josé@bücher.example"
    database.flush()
    spellings = ("josé@bücher.example", "JOSÉ@xn--bcher-kva.example", "jose\u0301@Bücher.example")
    assert enter(client, spellings[2]).status_code == 302, "every spelling opens the account"
    client.post("/sign-out")
    answers = [enter(client, spellings[n % 3], f"guess number {n}").status_code for n in range(11)]
    assert answers == [422] * 10 + [429]


def test_trying_without_an_address_counts_and_is_no_error_of_ours(
    client: FlaskClient, admin: User, caplog: pytest.LogCaptureFixture
) -> None:
    assert [enter(client, "").status_code for _ in range(11)] == [422] * 10 + [429]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_one_persons_guesses_do_not_keep_others_out(client: FlaskClient, admin: User, viewer: User) -> None:
    for n in range(11):
        enter(client, admin.email, f"guess number {n}")
    assert enter(client, viewer.email).status_code == 302


def test_signing_in_often_is_no_guessing(client: FlaskClient, admin: User) -> None:
    for _ in range(15):
        assert enter(client, admin.email).status_code == 302
        client.post("/sign-out")


def test_trying_many_accounts_from_one_place_is_stopped(client: FlaskClient, admin: User) -> None:
    answers = [enter(client, f"somebody{n}@example.com").status_code for n in range(61)]
    assert answers[:60] == [422] * 60
    assert answers[60] == 429


def ask_for_link(client: FlaskClient, outbox: list[Any], email: str | None) -> str:
    assert client.post("/password/reset", data={"email": email}).status_code == 200
    found = re.search(r"/password/reset/\S+", outbox[-1].body)
    assert found
    return found.group()


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(
    client: FlaskClient, admin: User, outbox: list[Any]
) -> None:
    link = ask_for_link(client, outbox, admin.email)
    new = {"password": NEW, "password_confirm": NEW}
    assert client.post(link, data=new).status_code == 302
    assert enter(client, admin.email).status_code == 422
    assert enter(client, admin.email, NEW).status_code == 302
    client.post("/sign-out")
    client.post(link, data={"password": "something else now", "password_confirm": "something else now"})
    assert enter(client, admin.email, NEW).status_code == 302


def test_a_link_for_a_new_password_ends_after_four_hours(
    client: FlaskClient, admin: User, outbox: list[Any], time_machine: Any
) -> None:
    time_machine.move_to("2026-03-01T10:00:00Z", tick=False)
    link = ask_for_link(client, outbox, admin.email)
    time_machine.shift(timedelta(hours=4, minutes=1))
    client.post(link, data={"password": NEW, "password_confirm": NEW})
    assert enter(client, admin.email, NEW).status_code == 422


def test_a_new_password_ends_every_session(client: FlaskClient, admin: User, outbox: list[Any]) -> None:
    sign_in(client, admin)
    link = ask_for_link(client, outbox, admin.email)
    client.post(link, data={"password": NEW, "password_confirm": NEW})
    assert client.get("/people").status_code == 303


def test_a_new_password_that_is_no_good_is_refused_like_any_form(
    client: FlaskClient, admin: User, outbox: list[Any]
) -> None:
    link = ask_for_link(client, outbox, admin.email)
    answer = client.post(link, data={"password": "short", "password_confirm": "short"})
    assert answer.status_code == 422
    assert "is-invalid" in answer.text


def test_asking_for_a_link_does_not_tell_who_is_known_here(
    client: FlaskClient, admin: User, outbox: list[Any]
) -> None:
    known = client.post("/password/reset", data={"email": admin.email})
    unknown = client.post("/password/reset", data={"email": "nobody@example.com"})
    assert known.status_code == unknown.status_code == 200
    assert len(outbox) == 1
    said = [re.findall(r'data-message="[^"]*">([^<]*)', answer.text) for answer in (known, unknown)]
    assert said[0][0].replace(str(admin.email), "X") == said[1][0].replace("nobody@example.com", "X")


def test_letters_are_not_sent_without_end(client: FlaskClient, admin: User, outbox: list[Any]) -> None:
    answers = [client.post("/password/reset", data={"email": admin.email}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert len(outbox) == 3


def test_somebody_removed_gets_no_letter(
    client: FlaskClient, admin: User, viewer: User, outbox: list[Any]
) -> None:
    email = viewer.email
    people.change(viewer.id, name="V", role="viewer", active=False)
    client.post("/password/reset", data={"email": email})
    assert outbox == []


def test_a_person_changes_the_password_with_the_old_one(
    client: FlaskClient, admin: User, outbox: list[Any]
) -> None:
    sign_in(client, admin)
    wrong = {"password": "not it at all", "new_password": NEW, "new_password_confirm": NEW}
    assert client.post("/password", data=wrong).status_code == 422
    assert client.post("/password", data=wrong | {"password": PASSWORD}).status_code == 302
    assert client.get("/people").status_code == 200
    assert [letter.subject for letter in outbox] == ["Your password was changed"]
    client.post("/sign-out")
    assert enter(client, admin.email, NEW).status_code == 302


def test_nobody_registers_by_himself(client: FlaskClient) -> None:
    assert client.get("/register").status_code == 404
    assert client.post("/register", data={"email": "me@example.com", "password": NEW}).status_code == 404


def test_no_token_in_a_header_or_an_address_signs_in(client: FlaskClient, admin: User) -> None:
    token = {"Authentication-Token": "anything"}
    assert client.get("/people", headers=token).status_code == 303
    assert client.get("/people?auth_token=anything").status_code == 303


def test_a_form_without_its_token_does_nothing(app: Any, client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        answer = client.post("/people", data={"name": "X", "email": "x@example.com", "role": "viewer"})
        assert answer.status_code == 400
        assert "Load the page again" in answer.text
        page = client.get("/people").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        by_htmx = client.post(
            "/people",
            data={"name": "X", "email": "x@example.com", "role": "viewer"},
            headers={"X-CSRFToken": token.group(1), "HX-Request": "true"},
        )
        assert by_htmx.status_code in (200, 303)
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
