"""/platform and the operator's platforms: what is chosen, created, granted and adjusted, and by whom."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.personas import make_person, make_platform, sign_in
from webapp import clock
from webapp.accounts import platforms
from webapp.accounts.errors import NameTaken
from webapp.accounts.models import Platform, User
from webapp.credits import engine
from webapp.credits.expiry import rome_day

CHOSEN = {
    "name": "Aurora Two",
    "time_zone": "America/New_York",
    "currency": "USD",
    "language": "it",
    "burn_order": "earliest_expiry_first",
}
NEW = {
    "name": "Cedar",
    "time_zone": "Europe/Rome",
    "currency": "EUR",
    "language": "en",
    "admin_name": "Cora",
    "admin_email": "cora@example.com",
}


def test_an_admin_changes_what_the_platform_has_chosen(
    client: FlaskClient, admin: User, platform: Platform
) -> None:
    assert sign_in(client, admin).post("/platform", data=CHOSEN).status_code == 303
    assert {name: getattr(platform, name) for name in CHOSEN} == CHOSEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": ""},
        {"currency": "GBP"},
        {"language": "xx"},
        {"burn_order": "random"},
    ],
)
def test_what_no_platform_can_be_is_422_and_changes_nothing(
    client: FlaskClient, admin: User, platform: Platform, wrong: dict[str, str]
) -> None:
    assert sign_in(client, admin).post("/platform", data=CHOSEN | wrong).status_code == 422
    assert (platform.name, platform.currency, platform.burn_order) == ("Aurora", "EUR", "latest_expiry_first")


def test_two_platforms_never_have_one_name(client: FlaskClient, admin: User, stranger: User) -> None:
    answer = sign_in(client, admin).post("/platform", data=CHOSEN | {"name": "Borealis"})
    assert answer.status_code == 422
    assert "called “Borealis” already" in answer.text


@pytest.mark.parametrize("spelled", [" Borealis ", "borealis", "BOREALIS"])
@pytest.mark.usefixtures("stranger")
def test_a_name_is_taken_however_it_is_spelled(spelled: str) -> None:
    with pytest.raises(NameTaken):
        platforms.create(**(NEW | {"name": spelled}))


def test_a_platform_may_spell_its_own_name_otherwise(
    client: FlaskClient, platform: Platform, admin: User
) -> None:
    answer = sign_in(client, admin).post("/platform", data=CHOSEN | {"name": platform.name.upper()})
    assert answer.status_code in (200, 303)
    assert platform.name == "AURORA"


def test_the_burn_order_counts_for_what_is_held_from_then_on(
    client: FlaskClient, admin: User, platform: Platform
) -> None:
    now = clock.now()
    assert engine.balance(platform.id, now=now).burn_order == "latest_expiry_first"
    sign_in(client, admin).post("/platform", data=CHOSEN)
    assert engine.balance(platform.id, now=now).burn_order == "earliest_expiry_first"


def test_an_operator_creates_a_platform_and_invites_its_first_admin(
    client: FlaskClient, operator: User, database: Session, outbox: list[Any]
) -> None:
    answer = sign_in(client, operator).post("/operator/platforms/new", data=NEW)
    made = database.scalars(select(Platform).where(Platform.name == "Cedar")).one()
    assert answer.location == f"/operator/platforms/{made.id}"
    assert outbox[0].to == ["cora@example.com"]
    cora = database.scalars(select(User).where(User.platform_id == made.id)).unique().one()
    assert (cora.role, cora.pending) == ("admin", True)
    assert engine.balance(made.id, now=clock.now()).available == 0


def test_a_platform_whose_admin_cannot_be_invited_is_not_created(
    client: FlaskClient, operator: User, admin: User, database: Session, outbox: list[Any]
) -> None:
    answer = sign_in(client, operator).post(
        "/operator/platforms/new", data=NEW | {"admin_email": admin.email}
    )
    assert answer.status_code == 422
    assert database.scalar(select(Platform.id).where(Platform.name == "Cedar")) is None
    assert outbox == []


def test_platforms_are_found_by_a_part_of_their_name_taken_literally(
    client: FlaskClient, operator: User
) -> None:
    for name in ("Fifty % off", "Fifty and more", "Other"):
        make_platform(name)
    page = sign_in(client, operator).get("/operator/platforms?name=FIFTY %25").text
    assert "Fifty % off" in page
    assert "Fifty and more" not in page
    assert "No platform has" in client.get("/operator/platforms?name=zebra").text


def grant(client: FlaskClient, platform: Platform, **values: object) -> Any:
    tomorrow = rome_day(clock.now()) + timedelta(days=1)
    data = {"credits": "100", "expires_on": tomorrow.isoformat(), "reason": "Goodwill", "once": "one"}
    return client.post(f"/operator/platforms/{platform.id}/grant", data=data | values)


def test_a_grant_is_made_once_however_often_its_form_is_sent(
    client: FlaskClient, operator: User, platform: Platform
) -> None:
    sign_in(client, operator)
    assert [grant(client, platform).status_code for _ in range(3)] == [303, 303, 303]
    balance = engine.balance(platform.id, now=clock.now())
    assert (balance.available, len(balance.lots)) == (100, 1)
    assert grant(client, platform, once="two").status_code == 303
    assert engine.balance(platform.id, now=clock.now()).available == 200


def test_a_grant_may_never_expire(client: FlaskClient, operator: User, platform: Platform) -> None:
    grant(sign_in(client, operator), platform, expires_on="")
    assert engine.balance(platform.id, now=clock.now()).lots[0].expires_on is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"credits": "0"},
        {"credits": "-5"},
        {"credits": "1.5"},
        {"credits": "many"},
        {"credits": str(2**53)},
        {"credits": ""},
        {"reason": " "},
        {"reason": "x" * 301},
        {"expires_on": "2020-01-01"},
        {"expires_on": "not a day"},
    ],
)
def test_a_grant_that_cannot_be_is_422_or_refused_and_moves_nothing(
    client: FlaskClient, operator: User, platform: Platform, wrong: dict[str, str]
) -> None:
    assert grant(sign_in(client, operator), platform, **wrong).status_code == 422
    assert engine.balance(platform.id, now=clock.now()).lots == ()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"credits": "1,000"}, "digits alone"),
        ({"credits": "1.5"}, "digits alone"),
        ({"credits": "0"}, "1 or more"),
        ({"credits": str(2**53)}, "More credits than can be counted"),
        ({"expires_on": "31/12/2027"}, "such as 2026-11-20"),
    ],
)
def test_a_grant_that_cannot_be_read_says_how_to_write_it(
    client: FlaskClient, operator: User, platform: Platform, typed: dict[str, str], said: str
) -> None:
    assert said in grant(sign_in(client, operator), platform, **typed).text


def test_an_adjustment_lowers_one_lot_and_never_below_zero(
    client: FlaskClient, operator: User, platform: Platform
) -> None:
    grant(sign_in(client, operator), platform)
    lot = engine.balance(platform.id, now=clock.now()).lots[0]
    address = f"/operator/platforms/{platform.id}/adjust"
    data = {"lot": str(lot.id), "credits": "30", "reason": "Mistake", "once": "a"}
    assert client.post(address, data=data).status_code == 303
    assert client.post(address, data=data).status_code == 303
    assert engine.balance(platform.id, now=clock.now()).available == 70
    too_many = client.post(address, data=data | {"credits": "71", "once": "b"})
    assert too_many.status_code == 422
    assert 'role="alert"' in too_many.text
    assert engine.balance(platform.id, now=clock.now()).available == 70


def test_a_lot_of_another_platform_cannot_be_adjusted(
    client: FlaskClient, operator: User, platform: Platform
) -> None:
    other = make_platform()
    grant(sign_in(client, operator), other)
    grant(client, platform, once="mine")
    lot = engine.balance(other.id, now=clock.now()).lots[0]
    data = {"lot": str(lot.id), "credits": "1", "reason": "Mistake", "once": "c"}
    assert client.post(f"/operator/platforms/{platform.id}/adjust", data=data).status_code == 422
    assert engine.balance(other.id, now=clock.now()).available == 100


def test_an_operator_brings_a_platform_without_an_admin_back(
    client: FlaskClient, operator: User, platform: Platform, outbox: list[Any]
) -> None:
    data = {"name": "Dora", "email": "dora@example.com", "role": "admin"}
    sign_in(client, operator).post(f"/operator/platforms/{platform.id}/people", data=data)
    assert outbox[0].to == ["dora@example.com"]
    assert "Dora" in client.get(f"/operator/platforms/{platform.id}").text


def test_the_operators_page_shows_balance_people_and_the_way_to_the_ledger(
    client: FlaskClient, operator: User, platform: Platform
) -> None:
    person = make_person(platform, "viewer", name="Vera")
    grant(sign_in(client, operator), platform)
    page = client.get(f"/operator/platforms/{platform.id}").text
    for words in ("100", person.name, f"/operator/platforms/{platform.id}/ledger"):
        assert words in page
    assert client.get(f"/operator/platforms/{platform.id}/ledger").status_code == 200
