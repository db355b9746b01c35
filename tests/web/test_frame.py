"""The frame of every page."""

from flask.testing import FlaskClient

from tests.personas import sign_in
from webapp.accounts.models import User


def test_a_person_who_is_signed_in_sees_home_with_the_side_bar(client: FlaskClient, admin: User) -> None:
    page = sign_in(client, admin).get("/")
    assert page.status_code == 200
    assert 'aria-label="Sections"' in page.text


def test_signed_out_is_sent_to_sign_in_and_back(client: FlaskClient) -> None:
    answer = client.get("/?page=2")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/?page%3D2"


def test_a_page_elsewhere_marks_the_section_it_belongs_to(client: FlaskClient, admin: User) -> None:
    sign_in(client, admin)
    assert '<a href="/lists" aria-current="true">' in client.get("/recipients?phone=%2B393331234567").text
    assert '<a href="/buy" aria-current="true">' in client.get("/orders").text
