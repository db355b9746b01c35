"""Counts of attempts in the database: shared by processes, exact when they meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.web.throttle import TableStorage, Throttle, forget_old


@pytest.fixture
def storage() -> TableStorage:
    return TableStorage()


def test_attempts_are_counted_within_a_window_and_from_one_after_it(
    database: Session, storage: TableStorage, time_machine: Any
) -> None:
    time_machine.move_to("2026-03-01T10:00:00Z", tick=False)
    assert [storage.incr("k", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.get_expiry("k") == pytest.approx(clock.now().timestamp() + 60)
    time_machine.shift(59)
    assert storage.get("k") == 3
    time_machine.shift(1)
    assert storage.get("k") == 0
    assert storage.incr("k", 60) == 1


def test_keys_are_counted_apart_and_cleared_alone(database: Session, storage: TableStorage) -> None:
    storage.incr("a", 60, amount=5)
    storage.incr("b", 60)
    storage.clear("a")
    assert (storage.get("a"), storage.get("b")) == (0, 1)
    storage.reset()
    assert storage.get("b") == 0


def test_many_at_once_are_all_counted(committed_app: Flask, storage: TableStorage) -> None:
    def once(_: int) -> int:
        with committed_app.app_context():
            return storage.incr("k", 600)

    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(once, range(40)))
    assert sorted(counts) == list(range(1, 41))


def test_windows_that_ended_are_forgotten(database: Session, storage: TableStorage) -> None:
    storage.incr("old", 1)
    storage.incr("new", 600)
    forget_old(clock.now() + timedelta(seconds=30))
    assert database.scalar(select(func.count()).select_from(Throttle)) == 1
