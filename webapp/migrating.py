"""Bringing a database to the schema of this version, from wherever it is."""

import logging
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from flask import Flask
from flask_migrate import upgrade

from webapp.db import db
from webapp.errors import Refused

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent / "migrations"
LOCK_KEY = 7_226_114  # any number of our own: two machines that migrate at once take turns


def ours(name: str | None, kind: str, parents: Any) -> bool:
    """Whether Alembic should compare a table with the models: not those of Procrastinate."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def migrate(app: Flask, revision: str = "head") -> None:
    """Applies the migrations that are missing."""
    with app.app_context():
        upgrade(directory=str(FOLDER), revision=revision)
    log.info("The database has the schema %s", revision if revision != "head" else newest_revision())


def revisions() -> list[Script]:
    """Every migration, the newest first."""
    return list(ScriptDirectory(str(FOLDER)).walk_revisions())


def newest_revision() -> str:
    return revisions()[0].revision


def current_revision(app: Flask) -> str | None:
    """The revision the database is at; None when it is empty."""
    with app.app_context(), db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def ensure_schema(app: Flask) -> None:
    """Migrates unless the database is at this version already. Raises `Refused` when it is at a newer one."""
    current = current_revision(app)
    known = {script.revision for script in revisions()}
    if current is not None and current not in known:
        raise Refused(
            f"The database is at revision {current}, which this version of SMS Credits does not know. "
            "Start the newer version again, or restore a backup made before it."
        )
    if current != newest_revision():
        migrate(app)
