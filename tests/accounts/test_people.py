"""/people: inviting, changing and removing, and who may."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.personas import make_person, make_platform, sign_in
from webapp import clock
from webapp.accounts import invitations, people
from webapp.accounts.errors import AddressTaken, InvitationOver, LastAdmin
from webapp.accounts.models import Platform, SignIn, User

INVITATION = {"name": "Berta", "email": "Berta@Example.com ", "role": "marketer"}


def test_an_admin_invites_somebody_who_gets_a_letter_with_a_link(
    client: FlaskClient, admin: User, outbox: list[Any], database: Session
) -> None:
    answer = sign_in(client, admin).post("/people", data=INVITATION)
    assert answer.status_code == 303
    invited = database.scalars(select(User).where(User.email == "berta@example.com")).unique().one()
    assert (invited.platform_id, invited.role, invited.pending) == (admin.platform_id, "marketer", True)
    assert outbox[0].to == ["berta@example.com"]
    assert "/invitation/" in outbox[0].body


def test_without_a_mail_server_the_page_shows_the_link_once(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin).post("/people", data=INVITATION)
    assert 'id="handed-link"' in client.get("/people").text
    assert 'id="handed-link"' not in client.get("/people").text


def test_the_invitation_lets_in_once(client: FlaskClient, platform: Platform, database: Session) -> None:
    invited = people.invite(platform.id, email="carl@example.com", name="Carl", role="viewer")
    address = f"/invitation/{invitations.token(invited)}"
    assert "Welcome, Carl" in client.get(address).text
    password = {"password": "four words in a row", "again": "four words in a row"}
    assert client.post(address, data=password).location == "/"
    assert client.get("/reports").status_code == 200
    again = client.post(address, data=password)
    assert again.status_code == 410
    assert client.get(address).status_code == 410


@pytest.mark.parametrize(
    ("password", "again"), [("short", "short"), ("four words in a row", "five words in a row"), ("", "")]
)
def test_a_password_that_will_not_do_is_refused_and_the_link_stays_good(
    client: FlaskClient, platform: Platform, password: str, again: str
) -> None:
    invited = people.invite(platform.id, email="carl@example.com", name="Carl", role="viewer")
    address = f"/invitation/{invitations.token(invited)}"
    assert client.post(address, data={"password": password, "again": again}).status_code == 422
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("token", ["", "nonsense", "WzEsMl0.aaaa.bbbb", "%00", "W10.x.y"])
def test_a_link_that_was_never_given_out_lets_nobody_in(client: FlaskClient, token: str) -> None:
    assert client.get(f"/invitation/{token}").status_code in (404, 410)


def test_an_invitation_outlives_a_change_of_the_secret_key(
    app: Flask, platform: Platform, database: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_person(platform, "viewer", password=None)
    token, old = invitations.token(person), app.config["SECRET_KEY"]
    monkeypatch.setitem(app.config, "SECRET_KEY", "another secret altogether")
    with pytest.raises(InvitationOver):
        invitations.invited(token)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [old])
    assert invitations.invited(token).id == person.id
    assert invitations.invited(invitations.token(person)).id == person.id


def test_an_invitation_ends_after_a_week(client: FlaskClient, platform: Platform, time_machine: Any) -> None:
    time_machine.move_to("2026-03-01T10:00:00Z", tick=False)
    invited = people.invite(platform.id, email="carl@example.com", name="Carl", role="viewer")
    token = invitations.token(invited)
    time_machine.shift(invitations.VALID_FOR.total_seconds() + 60)
    with pytest.raises(InvitationOver):
        invitations.invited(token)


def test_inviting_again_makes_the_old_link_worthless(platform: Platform) -> None:
    invited = people.invite(platform.id, email="carl@example.com", name="Carl", role="viewer")
    old = invitations.token(invited)
    people.renew_invitation(invited.id)
    with pytest.raises(InvitationOver):
        invitations.invited(old)
    assert invitations.invited(invitations.token(invited)).id == invited.id


def test_an_address_is_invited_once_whatever_the_case_and_the_platform(
    client: FlaskClient, admin: User, stranger: User
) -> None:
    assert stranger.email
    answer = sign_in(client, admin).post("/people", data=INVITATION | {"email": stranger.email.upper()})
    assert answer.status_code == 422
    assert "signs in with it already" in answer.text


@pytest.mark.parametrize(
    "wrong", [{"email": "nobody"}, {"name": "  "}, {"name": "x" * 101}, {"role": "operator"}, {"role": ""}]
)
def test_an_invitation_that_cannot_be_is_422_and_invites_nobody(
    client: FlaskClient, admin: User, database: Session, wrong: dict[str, str]
) -> None:
    answer = sign_in(client, admin).post("/people", data=INVITATION | wrong)
    assert answer.status_code == 422
    assert database.scalar(select(User.id).where(User.name == "Berta")) is None


def test_another_role_counts_with_the_next_request(client: FlaskClient, admin: User, marketer: User) -> None:
    sign_in(client, marketer)
    assert client.get("/people").status_code == 403
    people.change(marketer.id, name="New name", role="admin", active=True)
    assert client.get("/people").status_code == 200


def test_somebody_kept_out_is_out_at_once(client: FlaskClient, admin: User, marketer: User) -> None:
    sign_in(client, marketer)
    assert client.get("/").status_code == 200
    people.change(marketer.id, name=marketer.name, role="marketer", active=False)
    assert client.get("/").status_code == 303


def test_somebody_removed_loses_address_and_sessions_and_keeps_the_name(
    client: FlaskClient, admin: User, marketer: User, database: Session
) -> None:
    name, email = marketer.name, marketer.email
    sign_in(client, marketer)
    people.remove(marketer.id, now=clock.now())
    assert client.get("/").status_code == 303
    assert (marketer.name, marketer.email, marketer.password, marketer.active) == (name, None, None, False)
    assert (
        database.scalar(select(SignIn.id).where(SignIn.ended_at.is_(None), SignIn.user_id == marketer.id))
        is None
    )
    assert people.invite(admin.platform_id, email=str(email), name="Again", role="viewer").pending


def test_the_last_admin_is_neither_removed_nor_demoted_nor_kept_out(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    data = {"name": "A", "role": "viewer", "active": "y"}
    demoted = client.post(f"/people/{admin.id}", data=data)
    assert demoted.status_code == 422
    assert "last admin" in demoted.text
    kept_out = client.post(f"/people/{admin.id}", data={"name": "A", "role": "admin"})
    assert kept_out.status_code == 422
    assert client.post(f"/people/{admin.id}/remove").status_code == 422
    assert (admin.role, admin.active) == ("admin", True)


def test_an_admin_who_has_not_come_yet_does_not_count_as_one(admin: User) -> None:
    people.invite(admin.platform_id, email="other@example.com", name="Other", role="admin")
    with pytest.raises(LastAdmin):
        people.remove(admin.id, now=clock.now())


def test_with_a_second_admin_the_first_may_go(client: FlaskClient, admin: User, platform: Platform) -> None:
    make_person(platform, "admin")
    answer = sign_in(client, admin).post(f"/people/{admin.id}/remove")
    assert answer.location == "/sign-in"
    assert client.get("/").status_code == 303


def test_the_database_itself_keeps_an_admin(admin: User, database: Session) -> None:
    admin.role = "viewer"
    with pytest.raises(IntegrityError, match="without an admin"):
        database.flush()


def test_people_of_another_platform_are_not_found(client: FlaskClient, admin: User, stranger: User) -> None:
    sign_in(client, admin)
    data = {"name": "Mine now", "role": "viewer"}
    assert client.get(f"/people/{stranger.id}").status_code == 404
    assert client.post(f"/people/{stranger.id}", data=data).status_code == 404
    assert client.post(f"/people/{stranger.id}/remove").status_code == 404
    assert client.post(f"/people/{stranger.id}/invite").status_code == 404


def test_somebody_removed_is_not_found(client: FlaskClient, admin: User, marketer: User) -> None:
    people.remove(marketer.id, now=clock.now())
    assert sign_in(client, admin).get(f"/people/{marketer.id}").status_code == 404


def test_an_invitation_that_was_taken_up_is_not_renewed(
    client: FlaskClient, admin: User, marketer: User
) -> None:
    assert sign_in(client, admin).post(f"/people/{marketer.id}/invite").status_code == 409


def test_the_same_address_invited_twice_is_refused(platform: Platform) -> None:
    people.invite(platform.id, email="dora@example.com", name="Dora", role="viewer")
    with pytest.raises(AddressTaken):
        people.invite(make_platform().id, email=" DORA@example.com", name="Dora", role="viewer")


def test_htmx_gets_the_fragment_alone(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#people"}
    fragment = client.get("/people", headers=headers)
    assert fragment.text.lstrip().startswith('<div id="people"')
    assert "HX-Request" in fragment.headers["Vary"]
    wrong = client.post("/people", data={}, headers=headers)
    assert wrong.status_code == 422
    assert wrong.text.lstrip().startswith('<div id="people"')
