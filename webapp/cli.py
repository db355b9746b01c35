"""The `sms-credits` command: exit status 0 done, 1 refused with a sentence, 2 wrong usage.

A feature adds its commands in its own `commands.py`: every click command in its list `commands`
becomes one of ours; a group of the same name as an existing one joins it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import Flask

from webapp import config, create_app, migrating, postgres
from webapp.errors import Refused
from webapp.jobs import FEATURES

REFUSALS = (Refused, config.SettingError, postgres.PostgresError)


class Commands(click.Group):
    """A group that says a refusal on standard error, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except REFUSALS as refusal:
            raise click.ClickException(str(getattr(refusal, "sentence", refusal))) from refusal


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sms-credits")
def group() -> None:
    """SMS Credits: know what a campaign costs before it is sent."""


@contextmanager
def application() -> Iterator[Flask]:
    """The application in its context, on a database that runs and has this version's schema.

    With the embedded PostgreSQL the server runs for as long as the block does, or longer if others use it.
    """
    settings = config.read()
    with database(settings) as url:
        app = create_app(settings, url)
        ensure_schema(app)
        with app.app_context():
            yield app


@contextmanager
def database(settings: config.Settings) -> Iterator[str]:
    """The address of the installation's database, its server running."""
    if settings.database_url:
        yield settings.database_url
        return
    cluster = postgres.locate(
        settings.instance / "postgres", binaries=settings.postgres_bin, user=settings.postgres_user
    )
    with postgres.running(cluster):
        postgres.ensure_database(cluster, "sms_credits")
        yield cluster.url("sms_credits")


def ensure_schema(app: Flask) -> None:
    if migrating.current_revision(app) != migrating.newest_revision():
        migrating.migrate(app)


def add_commands(into: click.Group, feature: str) -> None:
    """Adds a feature's commands, if it has any; groups of one name become one."""
    name = f"webapp.{feature}.commands"
    if importlib.util.find_spec(name) is None:
        return
    for command in importlib.import_module(name).commands:
        known = into.commands.get(command.name)
        if isinstance(known, click.Group) and isinstance(command, click.Group):
            known.commands.update(command.commands)
        else:
            into.add_command(command)


for feature in FEATURES:
    add_commands(group, feature)


def main() -> None:
    """The entry point of the installed command and of `python -m webapp`."""
    group(prog_name="sms-credits")


if __name__ == "__main__":
    sys.exit(main())
