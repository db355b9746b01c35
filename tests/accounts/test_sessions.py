"""Sessions end: left idle, after a day's work; a page that asks by itself keeps none alive."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.personas import make_person, sign_in
from webapp import clock
from webapp.accounts import sessions
from webapp.accounts.models import Platform, SignIn, User

START = "2026-03-01T08:00:00Z"


@pytest.fixture
def at_eight(time_machine: Any) -> Any:
    time_machine.move_to(START, tick=False)
    return time_machine


def test_a_session_left_idle_ends(client: FlaskClient, at_eight: Any, platform: Platform) -> None:
    sign_in(client, make_person(platform, "viewer"))
    at_eight.shift(timedelta(minutes=119))
    assert client.get("/").status_code == 200
    at_eight.shift(timedelta(minutes=119))
    assert client.get("/").status_code == 200
    at_eight.shift(timedelta(minutes=121))
    assert client.get("/").status_code == 303


def test_a_session_in_use_ends_after_twelve_hours(
    client: FlaskClient, at_eight: Any, platform: Platform
) -> None:
    sign_in(client, make_person(platform, "viewer"))
    answers = []
    for _ in range(8):
        at_eight.shift(timedelta(minutes=100))
        answers.append(client.get("/").status_code)
    assert answers == [200] * 7 + [303]


def test_asking_by_itself_does_not_keep_a_page_alive(
    client: FlaskClient, at_eight: Any, platform: Platform
) -> None:
    sign_in(client, make_person(platform, "viewer"))
    answers = []
    for _ in range(13):
        at_eight.shift(timedelta(minutes=10))
        answers.append(client.get("/widget", headers={"HX-Request": "true"}).status_code)
    assert answers[-1] == 401
    assert answers[0] != 401


def test_every_polled_view_leaves_the_session_alone(app: Flask) -> None:
    polled = [name for name, view in app.view_functions.items() if getattr(view, "polled", False)]
    assert "credits.widget" in polled


def test_a_stopped_session_sends_the_whole_page_to_sign_in(client: FlaskClient) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/lists/3?page=2"}
    answer = client.get("/widget", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/lists/3?page%3D2"


def test_another_sites_address_is_no_way_back(client: FlaskClient) -> None:
    for address in ("http://evil.example/x", "http://localhost.evil.example/x", "nonsense"):
        answer = client.get("/widget", headers={"HX-Request": "true", "HX-Current-URL": address})
        assert answer.headers["HX-Redirect"] == "/sign-in"


def test_use_is_noted_at_most_once_a_minute(
    client: FlaskClient, at_eight: Any, platform: Platform, database: Session
) -> None:
    person = make_person(platform, "viewer")
    sign_in(client, person)
    seen = select(SignIn.seen_at).where(SignIn.user_id == person.id)
    before = database.scalar(seen)
    at_eight.shift(timedelta(seconds=50))
    client.get("/")
    assert database.scalar(seen) == before
    at_eight.shift(timedelta(seconds=20))
    client.get("/")
    assert database.scalar(seen) == clock.now()


def test_old_sign_ins_are_forgotten(database: Session, admin: User) -> None:
    now = clock.now()
    for days in (1, 31):
        then = now - timedelta(days=days)
        database.add(SignIn(user_id=admin.id, started_at=then, seen_at=then))
    database.flush()
    sessions.forget_old(now)
    assert len(database.scalars(select(SignIn).where(SignIn.user_id == admin.id)).all()) == 1
