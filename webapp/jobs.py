"""Work done later by a worker: enqueued on the session's own connection, so committed with it.

A feature's `jobs.py` declares its tasks with `@task` and `@periodic`; `load_tasks` finds them.
A task may run more than once, when a worker is killed in the middle of it, and must be made for it.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, ParamSpec

import procrastinate
from flask import Flask
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from sqlalchemy.orm import Session

from webapp.db import transaction
from webapp.processes.postgres import libpq

P = ParamSpec("P")

FEATURES = ("accounts", "pricing", "credits", "shop", "audience", "campaigns", "reports")
HEARTBEAT_S = 2.0
STALLED_AFTER_S = 10.0
RESCUE_EVERY_S = 3.0
CONCURRENT_JOBS = 4
RETRY = procrastinate.RetryStrategy(max_attempts=6, exponential_wait=3)

registry = procrastinate.App(connector=procrastinate.PsycopgConnector())
# Adds jobs on connections it is given, and has none of its own: the worker's are for its own event loop.
additions = JobManager(connector=procrastinate.SyncPsycopgConnector())
log = logging.getLogger(__name__)


class Task(Generic[P]):
    """A function that a worker may run. Calling it runs it here and now."""

    def __init__(self, function: Callable[P, None], registered: Any) -> None:
        self.function = function
        self.registered = registered
        self.name: str = registered.name
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        self.function(*args, **kwargs)

    def enqueue(
        self,
        *,
        schedule_at: datetime | None = None,
        priority: int = 0,
        lock: str | None = None,
        once: str | None = None,
        **kwargs: Any,
    ) -> int | None:
        """Adds a job within the current transaction; it exists when that one commits, and only then.

        Jobs of one `lock` never run at the same time. While a job of the same `once` still waits,
        nothing is added and the answer is None; else it is the job's id.
        """
        with transaction() as session:
            with contextlib.suppress(AlreadyEnqueued), session.begin_nested():
                job = configure_task(
                    name=self.name,
                    job_manager=additions,
                    queue=self.registered.queue,
                    connection=driver_connection(session),
                    schedule_at=schedule_at,
                    priority=priority,
                    lock=lock,
                    queueing_lock=once,
                )
                return int(job.defer(**kwargs))
            return None


def driver_connection(session: Session) -> Any:
    """The psycopg connection under the session, in the middle of its transaction."""
    return session.connection().connection.driver_connection


def task(
    name: str, *, queue: str = "default", retry: procrastinate.BaseRetryStrategy | bool = RETRY
) -> Callable[[Callable[P, None]], Task[P]]:
    """Declares a task. Its arguments are given by keyword and must be JSON.

    One that raises is tried again, later each time, `retry.max_attempts` times in all.
    """

    def declare(function: Callable[P, None]) -> Task[P]:
        return Task(function, registry.task(name=name, queue=queue, retry=retry)(function))

    return declare


def periodic(cron: str, *, name: str, queue: str = "default") -> Callable[[Callable[[], None]], Task[[]]]:
    """Declares a task of a timetable. With several workers each instant still runs it once."""

    def declare(function: Callable[[], None]) -> Task[[]]:
        def at(timestamp: int) -> None:
            function()

        registered = registry.task(name=name, queue=queue)(at)
        registry.periodic(cron=cron)(registered)
        return Task(function, registered)

    return declare


def load_tasks() -> None:
    """Imports every feature's `jobs` module, which declares its tasks, and our own."""
    importlib.import_module("webapp.mail")
    for feature in FEATURES:
        if importlib.util.find_spec(f"webapp.{feature}.jobs"):
            importlib.import_module(f"webapp.{feature}.jobs")


def run_worker(
    app: Flask, *, name: str = "worker", wait: bool = True, concurrency: int = CONCURRENT_JOBS
) -> None:
    """Runs jobs until a signal asks to stop, then finishes those it has begun.

    With `wait` False it does what is due and returns.
    """
    load_tasks()
    conninfo = libpq(app.config["SQLALCHEMY_DATABASE_URI"])
    connector = procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=concurrency + 2)
    with registry.replace_connector(connector):
        asyncio.run(work(app, name, wait, concurrency))


async def work(app: Flask, name: str, wait: bool, concurrency: int) -> None:
    async with registry.open_async():
        rescue = asyncio.create_task(rescue_stalled_jobs())
        try:
            await registry.run_worker_async(
                name=name,
                wait=wait,
                concurrency=concurrency,
                fetch_job_polling_interval=1.0,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_AFTER_S,
                delete_jobs="successful",
                task_middleware=[in_app_context(app)],
            )
        finally:
            rescue.cancel()
            await asyncio.gather(rescue, return_exceptions=True)


def in_app_context(app: Flask) -> Any:
    """Procrastinate's middleware: a job runs in an application context of its own."""

    def run(call_next: Callable[[], Any], context: Any, worker: Any) -> Any:
        with app.app_context():
            return call_next()

    return run


async def rescue_stalled_jobs() -> None:
    """Gives the jobs of workers without a heartbeat back to the queue, for as long as this worker lives.

    It runs beside the queue and not in it, so that busy slots never delay it.
    """
    while True:
        with contextlib.suppress(procrastinate.exceptions.ConnectorException):
            await rescue_once()
        await asyncio.sleep(RESCUE_EVERY_S)


async def rescue_once() -> int:
    """Every stalled job becomes one to do; the answer is how many. Two workers never take the same one."""
    given_back = 0
    for row in await registry.connector.execute_query_all_async(STALLED, stalled_after_s=STALLED_AFTER_S):
        try:
            given_back += len(await registry.connector.execute_query_all_async(GIVE_BACK, **row))
        except procrastinate.exceptions.UniqueViolation:  # one of the same `once` waits already: it will do
            await registry.connector.execute_query_all_async(LET_GO, **row)
    if given_back:
        log.warning("%d job(s) of a worker that went silent were given back to the queue", given_back)
    return given_back


STALLED = """
    SELECT job.id, job.worker_id FROM procrastinate_jobs AS job
    LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(stalled_after_s)s))
"""
STILL_STALLED = "id = %(id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s"
GIVE_BACK = f"""
    UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1, scheduled_at = NULL
    WHERE {STILL_STALLED} RETURNING id
"""
LET_GO = f"UPDATE procrastinate_jobs SET status = 'aborted' WHERE {STILL_STALLED} RETURNING id"
