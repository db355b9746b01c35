"""Running the waiting jobs in the test's own process and transaction."""

import contextvars
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import text

from webapp import jobs
from webapp.db import db, transaction

NEXT = text(
    """
    SELECT id, task_name, args FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= :until)
      AND (CAST(:queue AS text) IS NULL OR queue_name = :queue)
    ORDER BY priority DESC, scheduled_at NULLS FIRST, id LIMIT 1
    """
)
FINISH = text("DELETE FROM procrastinate_jobs WHERE id = :id")


def drain(until: datetime, queue: str | None = None) -> int:
    """Runs the due jobs one after the other; one that raises raises here. Returns how many ran."""
    jobs.load_tasks()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    done = 0
    while job := take(until, queue):
        contextvars.Context().run(run_one, app, *job)
        db.session.expire_all()
        done += 1
    return done


def take(until: datetime, queue: str | None) -> tuple[str, dict[str, Any]] | None:
    with transaction() as session:
        row = session.execute(NEXT, {"until": until, "queue": queue}).one_or_none()
        if row is None:
            return None
        session.execute(FINISH, {"id": row.id})
        return row.task_name, row.args


def run_one(app: Flask, name: str, arguments: dict[str, Any]) -> None:
    with app.app_context():
        jobs.registry.tasks[name].func(**arguments)
