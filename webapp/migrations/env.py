"""Alembic's entry: runs the migrations on the application's own connection settings."""

from alembic import context
from flask import current_app

from webapp.db import db

engine = current_app.extensions["migrate"].db.engine


def run() -> None:
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata)
        with context.begin_transaction():
            context.run_migrations()


run()
