"""Every page of lists: who may open it, what it says, and what it refuses."""

import io

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.audience.scenes import NOW, csv_file
from tests.personas import sign_in
from webapp.accounts.models import Platform, User
from webapp.audience import suppression, uploading
from webapp.audience.models import Recipient, RecipientList

PEOPLE = csv_file([["Phone", "First name"], ["+393331234567", "Ada"], ["nonsense", "Bob"]])

PAGES = (
    "/lists",
    "/lists/new",
    "/lists/{list}",
    "/lists/{list}/name",
    "/lists/{list}/delete",
    "/lists/{list}/export.csv",
    "/lists/{list}/export.xlsx",
    "/lists/{list}/recipients/new",
    "/lists/{list}/recipients/{recipient}",
    "/lists/{list}/recipients/{recipient}/resubscribe",
    "/lists/{list}/import",
    "/imports/{import}",
    "/imports/{import}/progress",
    "/imports/{import}/refused.csv",
    "/imports/{import}/refused.xlsx",
    "/do-not-contact",
    "/do-not-contact/{phone}/remove",
    "/do-not-contact/import",
    "/do-not-contact/export.csv",
    "/do-not-contact/export.xlsx",
    "/recipients",
    "/recipients?phone=%2B393331234567",
)
POSTS = (
    "/lists/new",
    "/lists/{list}/name",
    "/lists/{list}/delete",
    "/lists/{list}/recipients/new",
    "/lists/{list}/recipients/{recipient}",
    "/lists/{list}/recipients/{recipient}/unsubscribe",
    "/lists/{list}/recipients/{recipient}/resubscribe",
    "/lists/{list}/recipients/{recipient}/remove",
    "/lists/{list}/import",
    "/imports/{import}/layout",
    "/imports/{import}/columns",
    "/imports/{import}/confirm",
    "/imports/{import}/again",
    "/imports/{import}/withdraw",
    "/do-not-contact",
    "/do-not-contact/{phone}/remove",
    "/do-not-contact/import",
    "/recipients/erase",
)


@pytest.fixture
def places(database: Session, platform: Platform, customers: RecipientList, ada: Recipient) -> dict[str, int]:
    """What the addresses name: all of it on one platform."""
    task = uploading.upload(
        platform.id, customers.id, "people.csv", io.BytesIO(PEOPLE), by_id=None, by_name="Ada", now=NOW
    )
    suppression.do_not_contact(platform.id, [393337654321], reason="asked", by="Ada", now=NOW)
    return {"list": customers.id, "recipient": ada.id, "import": task.id, "phone": 393337654321}


@pytest.mark.parametrize("address", PAGES)
def test_a_marketer_opens_every_page(
    client: FlaskClient, marketer: User, places: dict[str, int], address: str
) -> None:
    answer = sign_in(client, marketer).get(address.format(**places))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_finds_nothing_of_another_platform(
    client: FlaskClient, stranger: User, places: dict[str, int], address: str
) -> None:
    answer = sign_in(client, stranger).get(address.format(**places))
    if "{" in address:
        assert answer.status_code == 404
    else:
        assert answer.status_code == 200
        assert b"Shop customers" not in answer.data
        assert b"3337654321" not in answer.data


@pytest.mark.parametrize("address", POSTS)
def test_a_stranger_changes_nothing_of_another_platform(
    client: FlaskClient, stranger: User, places: dict[str, int], address: str
) -> None:
    answer = sign_in(client, stranger).post(address.format(**places))
    assert answer.status_code == (404 if "{" in address else 422)


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_viewers_and_operators_are_kept_out(
    client: FlaskClient, request: pytest.FixtureRequest, places: dict[str, int], address: str, role: str
) -> None:
    person = request.getfixturevalue(role)
    assert sign_in(client, person).get(address.format(**places)).status_code == 403


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_viewers_and_operators_change_nothing(
    client: FlaskClient, request: pytest.FixtureRequest, places: dict[str, int], address: str, role: str
) -> None:
    person = request.getfixturevalue(role)
    assert sign_in(client, person).post(address.format(**places)).status_code == 403


@pytest.mark.parametrize("address", PAGES)
def test_who_is_signed_out_is_sent_to_sign_in(
    client: FlaskClient, places: dict[str, int], address: str
) -> None:
    answer = client.get(address.format(**places))
    assert answer.status_code == 303
    assert "/sign-in" in answer.location or "/login" in answer.location


@pytest.mark.parametrize("address", POSTS)
def test_who_is_signed_out_changes_nothing(client: FlaskClient, places: dict[str, int], address: str) -> None:
    assert client.post(address.format(**places)).status_code == 303


def test_only_an_admin_erases(client: FlaskClient, marketer: User, ada: Recipient) -> None:
    answer = sign_in(client, marketer).post("/recipients/erase", data={"phone": ada.e164, "agreed": "y"})
    assert answer.status_code == 403


@pytest.mark.parametrize("number", [0, 10**18, 10**30])
def test_an_address_with_a_wild_number_is_not_found(client: FlaskClient, marketer: User, number: int) -> None:
    signed_in = sign_in(client, marketer)
    assert signed_in.get(f"/lists/{number}").status_code == 404
    assert signed_in.get(f"/imports/{number}").status_code == 404
