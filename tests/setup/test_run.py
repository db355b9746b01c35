"""`sms-credits run`, whole: embedded PostgreSQL, web, worker and gateway, started and ended for real."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.installation import answers, free_ports
from tests.processes import eventually, with_mark

Start = Callable[..., "subprocess.Popen[bytes]"]
mark = f"SMS_RUN_TEST={uuid.uuid4().hex}"


@pytest.fixture
def environ(short_folder: Path) -> dict[str, str]:
    web, gateway = free_ports(2)
    name, value = mark.split("=")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SMS_CREDITS_", "DATABASE_URL"))
    }
    return {
        **kept,
        name: value,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SMS_CREDITS_INSTANCE": str(short_folder / "instance"),
        "SMS_CREDITS_PORT": str(web),
        "SMS_CREDITS_SANDBOX_PORT": str(gateway),
        "SMS_CREDITS_WEB_PROCESSES": "1",
    }


@pytest.fixture
def start(environ: dict[str, str], short_folder: Path) -> Iterator[Start]:
    """Starts `sms-credits run` and waits until its pages answer; nothing of it is left when the test ends."""
    started = []

    def start(*words: str) -> "subprocess.Popen[bytes]":
        with (short_folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "webapp", "run", *words],
                env=environ,
                cwd=short_folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        url = f"http://127.0.0.1:{environ['SMS_CREDITS_PORT']}"
        assert eventually(lambda: answers(url) or process.poll() is not None, within_s=300)
        assert process.poll() is None, (short_folder / "log").read_text()
        return process

    yield start
    for pid in with_mark(mark):
        os.kill(pid, signal.SIGKILL)
    for process in started:
        process.wait()


def is_gone() -> bool:
    return eventually(lambda: not with_mark(mark))


def test_it_starts_stops_and_keeps_its_data(
    start: Start, environ: dict[str, str], short_folder: Path
) -> None:
    first = start()
    words = [
        sys.executable,
        "-m",
        "webapp",
        *["user", "create", "--role", "operator", "--email", "o@example.com", "--name", "Olga"],
    ]
    joined = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert joined.returncode == 0, joined.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 0
    assert with_mark(mark) == set()

    second = start()
    again = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert again.returncode == 1, "the data were lost"
    log = (short_folder / "log").read_text()
    assert f"SMS Credits runs at http://127.0.0.1:{environ['SMS_CREDITS_PORT']}" in log
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    assert with_mark(mark) == set()


def test_sigkill_leaves_nothing_behind_and_the_next_start_works(start: Start) -> None:
    first = start()
    assert len(with_mark(mark)) >= 6
    first.kill()
    assert is_gone()
    second = start()
    second.terminate()
    assert second.wait(60) == 0
    assert is_gone()


def test_each_process_that_is_killed_is_replaced_or_ends_all(start: Start, environ: dict[str, str]) -> None:
    supervisor = start()
    url = f"http://127.0.0.1:{environ['SMS_CREDITS_PORT']}"
    for name in ("web", "gateway", "worker"):
        victim = next(pid for pid in with_mark(mark) if command_of(pid)[-2:] == ["webapp", name])
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda name=name, old=victim: running(name) - {old})
    assert eventually(lambda: answers(url))
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(60) == 0
    assert is_gone()


def command_of(pid: int) -> list[str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ["", ""]
    return words.strip("\0").split("\0")


def running(name: str) -> set[int]:
    return {pid for pid in with_mark(mark) if command_of(pid)[-2:] == ["webapp", name]}
