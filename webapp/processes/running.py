"""The commands that keep running: everything at once, or web and worker apart."""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask

from webapp import config, create_app, jobs, migrating
from webapp.db import db
from webapp.errors import Refused
from webapp.processes import postgres
from webapp.processes.serving import Server
from webapp.processes.supervisor import Child, supervise

DATABASE = "sms_credits"
OLDEST_POSTGRES = 14
READY_WITHIN_S = 60.0


@contextmanager
def database(settings: config.Settings) -> Iterator[str]:
    """The address of the installation's database, its server running.

    The embedded server runs for as long as the block does, or longer if others use it.
    """
    if settings.database_url:
        postgres.check_version(settings.database_url, OLDEST_POSTGRES)
        yield settings.database_url
        return
    cluster = postgres.locate(
        settings.instance / "postgres", binaries=settings.postgres_bin, user=settings.postgres_user
    )
    with postgres.running(cluster):
        postgres.ensure_database(cluster, DATABASE)
        yield cluster.url(DATABASE)


@contextmanager
def application(settings: config.Settings | None = None) -> Iterator[Flask]:
    """The application in its context, on a database that runs and has this version's schema."""
    settings = settings or config.read()
    with database(settings) as url:
        app = create_app(settings, url)
        migrating.ensure_schema(app)
        with app.app_context():
            try:
                yield app
            finally:
                db.session.remove()
                db.engine.dispose()


@click.command()
@click.option("--demo", is_flag=True, help="Fill an empty installation with an example platform.")
def run(demo: bool) -> None:
    """Everything on this machine: PostgreSQL unless DATABASE_URL is set, web, worker and sandbox gateway."""
    settings = config.read()
    config.set_up_log(settings)
    check_port(settings.address, settings.port, "SMS_CREDITS_PORT")
    from webapp import demo as example

    with application(settings):
        greeting = example.fill_if_empty() if demo else ""
        status = supervise(children(settings), lambda: announce(settings, greeting))
    sys.exit(status)


def children(settings: config.Settings) -> list[Child]:
    """The processes of an installation on one machine."""
    names = ["web", "worker"]
    if settings.gateway == "sandbox":
        check_port("127.0.0.1", settings.sandbox_port, "SMS_CREDITS_SANDBOX_PORT")
        names.append("gateway")
    return [Child(name, [sys.executable, "-m", "webapp", name], dict(os.environ)) for name in names]


def check_port(address: str, port: int, setting: str) -> None:
    """Raises `Refused` when something else listens there already."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise Refused(
                f"Cannot listen on {address} port {port}: {error.strerror}. "
                f"Is SMS Credits running already? Set {setting} to use another port."
            ) from error


def announce(settings: config.Settings, greeting: str) -> None:
    """Says where the pages are as soon as they are there."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not answers(settings) and time.monotonic() < deadline:
        time.sleep(0.1)
    click.echo(f"\nSMS Credits runs at {settings.url}\n{greeting}Ctrl-C stops it.\n")


def answers(settings: config.Settings) -> bool:
    host = settings.address if settings.address not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@click.command()
def demo() -> None:
    """Fill an empty installation with an example platform, and say how to sign in to it."""
    from webapp import demo as example

    with application():
        click.echo(example.fill(), nl=False)


@click.command()
def web() -> None:
    """The pages alone, for an installation on several machines."""
    settings = config.read()
    config.set_up_log(settings)
    with database(settings) as url:
        migrate_once(settings, url)
        Server(settings, lambda: create_app(settings, url)).run()


def migrate_once(settings: config.Settings, url: str) -> None:
    """Brings the schema up to date and leaves no connection open for the processes to come."""
    app = create_app(settings, url)
    migrating.ensure_schema(app)
    with app.app_context():
        db.engine.dispose()


@click.command()
@click.option("--drain", is_flag=True, help="Do what is due now and end.")
def worker(drain: bool) -> None:
    """The jobs alone: sending, imports, exports, expiry. Any number of machines may run it."""
    settings = config.read()
    config.set_up_log(settings)
    with application(settings) as app:
        jobs.run_worker(app, wait=not drain, concurrency=settings.worker_jobs)
