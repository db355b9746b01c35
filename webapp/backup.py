"""`sms-credits backup` and `restore`: the whole database in one file, by PostgreSQL's own tools."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import psycopg

from webapp import config, postgres, running
from webapp.errors import Refused


class BackupFailed(Refused):
    """PostgreSQL's tool ended with an error; its own words are in the sentence."""

    slug = "backup-failed"


class InUse(Refused):
    """A restore would overwrite something."""

    slug = "wrong-state"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole database to FILE, while everything runs. Keep the secret key with it."""
    if file.exists():
        raise InUse(f"{file} exists already; name another file.")
    settings = config.read()
    partial = file.with_name(f"{file.name}.part")
    with running.database(settings) as url:
        try:
            tool(
                "pg_dump",
                settings,
                "--format=custom",
                "--no-owner",
                "--file",
                str(partial),
                postgres.libpq(url),
            )
            os.chmod(partial, 0o600)
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)
    click.echo(f"{file} holds the database: {file.stat().st_size:,} bytes.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Bring the database of FILE back into an empty installation. Stop web and worker first."""
    settings = config.read()
    with running.database(settings) as url:
        make_empty(url)
        words = ("--no-owner", "--exit-on-error", "--single-transaction", "--dbname", postgres.libpq(url))
        tool("pg_restore", settings, *words, str(file))
    click.echo(f"The database is that of {file} again.")


def make_empty(url: str) -> None:
    """Clears away tables without anybody in them. Raises `InUse` when there is somebody."""
    with psycopg.connect(postgres.libpq(url), autocommit=True) as connection:
        there = connection.execute("SELECT to_regclass('public.\"user\"') IS NOT NULL").fetchone()
        if there and there[0]:
            people = connection.execute('SELECT count(*) FROM public."user"').fetchone()
            if people and people[0]:
                raise InUse(
                    "There are people in this installation; restore into an empty one: another database in "
                    "DATABASE_URL, or another folder in SMS_CREDITS_INSTANCE."
                )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def tool(name: str, settings: config.Settings, *words: str) -> None:
    """Runs one of PostgreSQL's tools. Raises `BackupFailed` with what it said."""
    folder = settings.postgres_bin or postgres.find_binaries()
    done = subprocess.run(command(folder / name, words), text=True, capture_output=True, check=False)
    if done.returncode:
        raise BackupFailed(f"{name} failed: {done.stderr.strip()}")


def command(program: Path, words: Sequence[str]) -> list[str]:
    if not program.exists():
        raise BackupFailed(f"There is no {program.name} in {program.parent}; see SMS_CREDITS_POSTGRES_BIN.")
    return [str(program), *words]
