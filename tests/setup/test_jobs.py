"""Jobs with real workers: done once each, tried again, given back when a worker is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.processes import eventually
from tests.setup import worker_for_tests as tasks
from webapp import clock
from webapp.db import db, transaction

Worker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def ticks(committed_app: Flask) -> None:
    """The table that the periodic task of the test workers writes to."""
    with committed_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE tick (at timestamptz NOT NULL)"))


@pytest.fixture
def worker(committed: str, committed_app: Flask, ticks: None, tmp_path: Path) -> Iterator[Worker]:
    """Starts worker processes on the test's database; kills them when it ends."""
    started = []

    def start() -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-m", "tests.setup.worker_for_tests", committed, str(tmp_path / "instance")]
        root = Path(__file__).parents[2]
        process = subprocess.Popen(words, cwd=root, env=dict(os.environ), stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "marks"
    made.mkdir()
    return made


def marks(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def left(app: Flask) -> int:
    with app.app_context(), db.engine.connect() as connection:
        waiting = text(
            "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded' AND task_name <> 'test.tick'"
        )
        return int(connection.execute(waiting).scalar_one())


def test_two_workers_do_every_job_once(committed_app: Flask, worker: Worker, folder: Path) -> None:
    worker(), worker()
    with committed_app.app_context(), transaction():
        for number in range(40):
            tasks.mark.enqueue(folder=str(folder), name=f"job{number:02}")
    assert eventually(lambda: left(committed_app) == 0)
    assert marks(folder) == [f"job{number:02}.0" for number in range(40)]


def test_a_job_runs_in_an_application_context(committed_app: Flask, worker: Worker, folder: Path) -> None:
    worker()
    with committed_app.app_context():
        tasks.in_context.enqueue(folder=str(folder))
    assert eventually(lambda: marks(folder) == ["done.0"])


def test_a_job_enqueues_the_next_one(committed_app: Flask, worker: Worker, folder: Path) -> None:
    worker()
    with committed_app.app_context():
        tasks.chain.enqueue(folder=str(folder), links=3)
    assert eventually(lambda: marks(folder) == ["link.0", "link.1", "link.2"])


def test_a_job_that_fails_is_tried_again(committed_app: Flask, worker: Worker, folder: Path) -> None:
    worker()
    with committed_app.app_context():
        tasks.fail_twice.enqueue(folder=str(folder))
    assert eventually(lambda: marks(folder) == ["done.0", "fail.0", "fail.1", "fail.2"])


def test_a_job_waits_for_its_time(committed_app: Flask, worker: Worker, folder: Path) -> None:
    with committed_app.app_context(), transaction():
        tasks.mark.enqueue(folder=str(folder), name="later", schedule_at=clock.now() + timedelta(hours=1))
        tasks.mark.enqueue(folder=str(folder), name="now")
    worker()
    assert eventually(lambda: left(committed_app) == 1)
    assert marks(folder) == ["now.0"]


def test_the_job_of_a_killed_worker_comes_back(committed_app: Flask, worker: Worker, folder: Path) -> None:
    first = worker()
    with committed_app.app_context():
        tasks.linger.enqueue(folder=str(folder))
    assert eventually(lambda: marks(folder) == ["linger.0"])
    first.kill()
    worker()
    assert eventually(lambda: marks(folder) == ["done.0", "linger.0", "linger.1"])


def test_of_two_killed_jobs_of_one_name_both_are_settled(
    committed_app: Flask, worker: Worker, folder: Path
) -> None:
    first = worker()
    for number in range(2):
        with committed_app.app_context():
            tasks.linger.enqueue(folder=str(folder), once="linger")
        assert eventually(lambda number=number: f"linger.{number}" in marks(folder) or number)
    first.kill()
    with committed_app.app_context():
        tasks.linger.enqueue(folder=str(folder), once="linger")
    worker()
    assert eventually(lambda: "done.0" in marks(folder))
    with committed_app.app_context(), db.engine.connect() as connection:
        doing = text(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND task_name = 'test.linger'"
        )
        assert eventually(lambda: connection.execute(doing).scalar_one() == 0)


def test_sigterm_lets_a_worker_finish_and_end(committed_app: Flask, worker: Worker, folder: Path) -> None:
    process = worker()
    with committed_app.app_context():
        tasks.in_context.enqueue(folder=str(folder))
    assert eventually(lambda: marks(folder) == ["done.0"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


def test_a_timetable_ticks_once_an_instant_with_several_workers(committed_app: Flask, worker: Worker) -> None:
    worker(), worker()

    def count(what: str) -> int:
        with committed_app.app_context(), db.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count({what}) FROM tick")).scalar_one())

    assert eventually(lambda: count("*") >= 4)
    with committed_app.app_context(), db.engine.connect() as connection:
        twice = text(
            "SELECT count(*) FROM (SELECT FROM procrastinate_periodic_defers WHERE task_name = 'test.tick' "
            "GROUP BY defer_timestamp HAVING count(*) > 1) AS more"
        )
        assert connection.execute(twice).scalar_one() == 0
