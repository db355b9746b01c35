"""Two admins go at the same time, each by their own connection: one stays."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.personas import make_person, make_platform
from webapp import clock
from webapp.accounts import people
from webapp.accounts.errors import LastAdmin
from webapp.accounts.models import User
from webapp.db import db, transaction

ADMINS = 4


def acting(platform_id: int) -> int:
    statement = select(User.id).where(User.platform_id == platform_id, User.role == "admin", User.active)
    return len(db.session.scalars(statement).all())


@pytest.mark.parametrize("how", ["remove", "demote", "keep out"])
def test_of_admins_who_go_at_once_exactly_one_stays(committed_app: Flask, how: str) -> None:
    with committed_app.app_context():
        with transaction():
            platform = make_platform("Race")
            admins = [make_person(platform, "admin").id for _ in range(ADMINS)]
            platform_id = platform.id
        start = Barrier(ADMINS)

        def go(person_id: int) -> bool:
            with committed_app.app_context():
                start.wait()
                try:
                    if how == "remove":
                        people.remove(person_id, now=clock.now())
                    else:
                        role = "viewer" if how == "demote" else "admin"
                        people.change(person_id, name="N", role=role, active=how == "demote")
                except LastAdmin:
                    return False
                return True

        with ThreadPoolExecutor(ADMINS) as threads:
            went = list(threads.map(go, admins))
        assert sorted(went) == [False] + [True] * (ADMINS - 1)
        db.session.rollback()
        assert acting(platform_id) == 1


def test_even_past_the_use_cases_the_database_lets_one_stay(committed_app: Flask) -> None:
    with committed_app.app_context():
        with transaction():
            platform = make_platform("Race")
            admins = [make_person(platform, "admin").id for _ in range(2)]
            platform_id = platform.id
        start = Barrier(2)

        def demote(person_id: int) -> str:
            with committed_app.app_context(), db.engine.connect() as connection:
                start.wait()
                try:
                    connection.execute(
                        text("UPDATE \"user\" SET role = 'viewer' WHERE id = :id"), {"id": person_id}
                    )
                    connection.commit()
                except Exception as error:
                    return str(error)
                return "done"

        with ThreadPoolExecutor(2) as threads:
            answers = sorted(threads.map(demote, admins))
        assert "without an admin" in answers[0]
        assert answers[1] == "done"
        db.session.rollback()
        assert acting(platform_id) == 1
