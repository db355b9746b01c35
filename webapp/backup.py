"""`sms-credits backup` and `restore`: the whole database in one file, by PostgreSQL's own tools."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
import psycopg

from webapp import config
from webapp.errors import Refused
from webapp.processes import postgres, running

NEW_SETTING = b"SET transaction_timeout = 0;\n"
NO_TIMEOUT = b"SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout';\n"


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
        replay(settings, file, postgres.libpq(url))
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


def replay(settings: config.Settings, file: Path, address: str) -> None:
    """The statements of the backup, all or none. Raises `BackupFailed`.

    pg_restore begins with a setting that servers before PostgreSQL 17 do not know, so psql runs what it
    writes, with that one line asked for in a way that every server understands.
    """
    quiet = ("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1")
    reading = command(program(settings, "pg_restore"), ("--no-owner", "--file=-", str(file)))
    writing = command(program(settings, "psql"), (*quiet, "--output", os.devnull, "--dbname", address))
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(reading, stdout=subprocess.PIPE, stderr=said) as reader,
        subprocess.Popen(writing, stdin=subprocess.PIPE, stderr=said) as writer,
    ):
        assert reader.stdout and writer.stdin
        with suppress(BrokenPipeError):  # it has stopped at an error, which is read below
            for line in reader.stdout:
                writer.stdin.write(NO_TIMEOUT if line == NEW_SETTING else line)
            if reader.wait():
                writer.kill()  # half a backup is never committed
        with suppress(BrokenPipeError):
            writer.stdin.close()
        failed = "pg_restore" if reader.wait() else "psql" if writer.wait() else None
        if failed:
            said.seek(0)
            raise BackupFailed(f"{failed} failed: {said.read().strip()}")


def program(settings: config.Settings, name: str) -> Path:
    return (settings.postgres_bin or postgres.find_binaries()) / name


def tool(name: str, settings: config.Settings, *words: str) -> None:
    """Runs one of PostgreSQL's tools. Raises `BackupFailed` with what it said."""
    done = subprocess.run(
        command(program(settings, name), words), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise BackupFailed(f"{name} failed: {done.stderr.strip()}")


def command(program: Path, words: Sequence[str]) -> list[str]:
    if not program.exists():
        raise BackupFailed(f"There is no {program.name} in {program.parent}; see SMS_CREDITS_POSTGRES_BIN.")
    return [str(program), *words]
