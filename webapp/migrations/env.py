"""Alembic's entry: runs the migrations on the application's own connection settings."""

from alembic import context
from flask import current_app

from webapp.db import db
from webapp.migrating import LOCK_KEY, ours


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata, include_name=ours)
        with context.begin_transaction():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
            context.run_migrations()


run()
