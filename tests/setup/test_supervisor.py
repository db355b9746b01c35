"""The supervisor with real processes: what it started never outlives it."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import eventually, is_alive, with_mark

SUPERVISOR = """
import logging, sys
from webapp.processes import supervisor
from webapp.processes.supervisor import Child, supervise
supervisor.STOP_WITHIN_S = 1.0
logging.basicConfig()
words = [argument.split("|") for argument in sys.argv[1:]]
children = [Child(f"child{n}", [sys.executable, "-c", *rest]) for n, rest in enumerate(words)]
sys.exit(supervise(children, lambda: print("started", flush=True)))
"""
SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).wait()"
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def mark() -> str:
    return f"SUPERVISOR_TEST={uuid.uuid4().hex}"


@pytest.fixture
def start(mark: str) -> Iterator[Start]:
    """Starts a supervisor of these programs; every process of it has the mark in its environment."""

    def start(*programs: str) -> "subprocess.Popen[bytes]":
        name, value = mark.split("=")
        environ = {**os.environ, name: value, "PYTHONPATH": str(Path(__file__).parents[2])}
        words = [sys.executable, "-c", SUPERVISOR, *programs]
        process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout
        expected = ["started", *("deaf" for program in programs if program == STUBBORN)]
        assert sorted(process.stdout.readline().decode().strip() for _ in expected) == sorted(expected)
        return process

    started = []
    yield lambda *programs: started.append(start(*programs)) or started[-1]
    for pid in with_mark(mark):
        os.kill(pid, signal.SIGKILL)
    for process in started:
        process.communicate()


def ends(process: "subprocess.Popen[bytes]") -> int:
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_child_and_is_no_failure(start: Start, mark: str, number: signal.Signals) -> None:
    supervisor = start(SLEEP, SLEEP, PARENT)
    assert eventually(lambda: len(with_mark(mark)) == 5)
    supervisor.send_signal(number)
    assert ends(supervisor) == 0
    assert with_mark(mark) == set()


def test_sigkill_of_the_supervisor_leaves_no_orphan(start: Start, mark: str) -> None:
    supervisor = start(SLEEP, SLEEP)
    assert eventually(lambda: len(with_mark(mark)) == 3)
    supervisor.kill()
    assert eventually(lambda: not with_mark(mark))
    ends(supervisor)


def test_a_child_that_was_killed_is_started_again(start: Start, mark: str) -> None:
    supervisor = start(SLEEP, SLEEP)
    assert eventually(lambda: len(with_mark(mark)) == 3)
    victim = max(with_mark(mark) - {supervisor.pid})
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: not is_alive(victim))
    assert eventually(lambda: len(with_mark(mark)) == 3)
    supervisor.terminate()
    assert ends(supervisor) == 0


def test_what_a_killed_child_had_started_is_killed_too(start: Start, mark: str) -> None:
    supervisor = start(PARENT)
    assert eventually(lambda: len(with_mark(mark)) == 3)
    before = with_mark(mark) - {supervisor.pid}
    os.kill(min(before), signal.SIGKILL)
    assert eventually(lambda: not before & with_mark(mark))
    supervisor.terminate()
    ends(supervisor)
    assert with_mark(mark) == set()


def test_a_child_that_cannot_stay_alive_ends_everything_as_a_failure(start: Start, mark: str) -> None:
    supervisor = start(SLEEP, "raise SystemExit(3)")
    _, errors = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 1
    assert b"child1 does not stay alive" in errors
    assert with_mark(mark) == set()


def test_a_child_that_ignores_its_end_is_killed(start: Start, mark: str) -> None:
    supervisor = start(STUBBORN)
    assert eventually(lambda: len(with_mark(mark)) == 2)
    supervisor.terminate()
    assert ends(supervisor) == 0
    assert with_mark(mark) == set()


def test_a_second_signal_while_ending_changes_nothing(start: Start, mark: str) -> None:
    supervisor = start(STUBBORN, SLEEP)
    assert eventually(lambda: len(with_mark(mark)) == 3)
    supervisor.send_signal(signal.SIGINT)
    assert eventually(lambda: len(with_mark(mark)) == 2)
    supervisor.send_signal(signal.SIGINT)
    supervisor.send_signal(signal.SIGTERM)
    assert ends(supervisor) == 0
    assert with_mark(mark) == set()
