"""What every test may ask for: the application, a database, a browserless client, the queue of jobs.

`database`    the usual one: everything the test does is rolled back afterwards, `transaction()` included.
`committed`   the address of a database of the test's own, for several connections or processes.
Both have the migrated schema. They live on a throw-away PostgreSQL, or on the server of DATABASE_URL.
"""

import contextvars
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from tests.queue import drain
from webapp import clock, config, create_app, migrating
from webapp.db import db
from webapp.processes import postgres

pytest_plugins = ["tests.personas", "tests.browser"]

# How long an example takes says something of the machine, not of the code: speed is for the benchmarks.
# `house` draws the same examples every time, so that a commit passes or fails whoever tries it;
# `anew` draws others each time: `make soak` explores with it.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("house", derandomize=True, **UNHURRIED)
settings.register_profile("anew", **UNHURRIED)
settings.load_profile("house")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a database of a server on which databases may be created."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="sms-credits-test-"))
    folder.chmod(0o755)
    cluster = postgres.locate(folder / "pg")
    cluster = postgres.Cluster(cluster.folder, cluster.binaries, cluster.user, postgres.THROW_AWAY)
    with postgres.running(cluster, remove=True):
        yield cluster.url("postgres")
    folder.rmdir()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that every user may enter, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="sms-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> config.Settings:
    instance = tmp_path_factory.mktemp("instance")
    return config.Settings(database_url=None, instance=instance, secret_key="a secret for tests only")


class Databases:
    """Makes databases on the server from the migrated template, and drops them."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.template: str | None = None

    def execute(self, statement: str) -> None:
        with psycopg.connect(postgres.libpq(self.server), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def create(self, template: str = "template0") -> str:
        """The name of a new database, a copy of `template`."""
        name = f"sms_test_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        address = make_url(self.server).set(database=name, drivername="postgresql+psycopg")
        return address.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def databases(server: str, settings: config.Settings) -> Iterator[Databases]:
    made = Databases(server)
    made.template = made.create()
    migrating_app = create_app(settings, made.url(made.template))
    migrating.migrate(migrating_app)
    dispose(migrating_app)
    yield made
    made.drop(made.template)


def dispose(app: Flask) -> None:
    """Closes the application's connections, so that its database can be copied or dropped."""
    with app.app_context():
        db.engine.dispose()


def make_app(settings: config.Settings, url: str) -> Flask:
    app = create_app(settings, url)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, SERVER_NAME="localhost")
    app.test_client_class = Client
    cheap = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
    app.extensions["security"].pwd_context.update(**cheap)
    app.extensions["mailman"].backend = "locmem"
    return app


@pytest.fixture(scope="session")
def app(databases: Databases, settings: config.Settings) -> Iterator[Flask]:
    """The application on a copy of the template. Without `database`, nothing cleans up after a test."""
    assert databases.template
    name = databases.create(databases.template)
    app = make_app(settings, databases.url(name))
    yield app
    dispose(app)
    databases.drop(name)


class Client(FlaskClient):
    """A client whose requests see nothing of the test's own application context.

    They get a context, a session and a `g` of their own, as in reality, on the test's connection;
    afterwards what the test has loaded is read anew.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("buffered", True)
        answer = contextvars.Context().run(super().open, *args, **kwargs)
        if has_app_context():
            db.session.expire_all()
        return answer


@pytest.fixture
def database(app: Flask) -> Iterator[Session]:
    """The session, in a savepoint of a transaction that is rolled back when the test ends."""
    with app.app_context():
        engines = db.engines
        engine = engines[None]
        db.session.configure(join_transaction_mode="create_savepoint")
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection  # type: ignore[assignment]
            try:
                yield db.session()
            finally:
                db.session.remove()
                engines[None] = engine
                outer.rollback()


@pytest.fixture
def db_session(database: Session) -> Session:
    return database


@pytest.fixture
def client(app: Flask, database: Session) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def outbox(app: Flask) -> list[Any]:
    """The mails the application has sent in this test."""
    app.extensions["mailman"].outbox = []
    return app.extensions["mailman"].outbox  # type: ignore[no-any-return]


@pytest.fixture
def committed(databases: Databases) -> Iterator[str]:
    """The address of a database of the test's own, dropped when the test ends."""
    assert databases.template
    name = databases.create(databases.template)
    yield databases.url(name)
    databases.drop(name)


@pytest.fixture
def committed_app(committed: str, settings: config.Settings) -> Iterator[Flask]:
    """An application on the `committed` database, for tests that really commit."""
    app = make_app(settings, committed)
    yield app
    dispose(app)


@pytest.fixture
def run_jobs(request: pytest.FixtureRequest) -> Callable[..., int]:
    """Runs in this process every job that is due at `until` (now), those they enqueue included.

    On the session of the application context the test is in; the answer is how many have run.
    """

    def run(until: datetime | None = None, queue: str | None = None) -> int:
        return drain(until or clock.now(), queue)

    return run
