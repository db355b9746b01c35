"""The fixtures themselves: what one test does must not be seen by the next."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from webapp import clock, jobs
from webapp.accounts.access import public
from webapp.db import db, transaction

seen: list[int] = []


@jobs.task(name="test.note")
def note(number: int) -> None:
    with transaction() as session:
        session.execute(text("SELECT 1"))
    seen.append(number)


def count_jobs(session: Session) -> int:
    return int(session.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_transaction_commits_is_gone_in_the_next_test(database: Session, turn: int) -> None:
    with transaction():
        note.enqueue(number=turn)
    database.commit()
    assert count_jobs(database) == 1


def test_a_rolled_back_transaction_enqueues_nothing(database: Session) -> None:
    def change_and_fail() -> None:
        with transaction():
            note.enqueue(number=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert count_jobs(database) == 0


def test_run_jobs_runs_what_is_due_and_nothing_later(database: Session, run_jobs: Callable[..., int]) -> None:
    seen.clear()
    with transaction():
        note.enqueue(number=1)
        note.enqueue(number=2, schedule_at=clock.now() + timedelta(hours=1))
    assert run_jobs() == 1
    assert seen == [1]
    assert run_jobs(until=clock.now() + timedelta(hours=2)) == 1
    assert seen == [1, 2]


def test_a_job_that_waits_once_is_not_enqueued_again(database: Session) -> None:
    with transaction():
        assert note.enqueue(number=1, once="note") is not None
        assert note.enqueue(number=2, once="note") is None
        note.enqueue(number=3)
    assert count_jobs(database) == 2


def test_a_committed_database_is_seen_by_another_connection(committed_app: Flask, committed: str) -> None:
    with committed_app.app_context(), transaction():
        note.enqueue(number=1)
    engine = create_engine(committed)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar() == 1
    engine.dispose()


def test_requests_share_the_transaction_but_not_g_nor_the_session(
    app: Flask, client: FlaskClient, database: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = []

    def probe() -> str:
        sessions.append(db.session())
        g.number = getattr(g, "number", 0) + 1
        return f"{g.number} {count_jobs(db.session())}"

    with transaction():
        note.enqueue(number=1)
    monkeypatch.setitem(app.view_functions, "shop.prices", public(probe))
    assert client.get("/prices").text == "1 1"
    assert client.get("/prices").text == "1 1"
    assert database not in sessions
