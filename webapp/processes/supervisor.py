"""Keeping several processes together: started as one, restarted when one falls, ended as one.

Each child is a session of its own, so that a Ctrl-C reaches only us and we end them in order. The
kernel ends them when we are killed (`webapp.processes.ending`).
"""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from webapp.processes.ending import end_with_parent

STOP_WITHIN_S = 15.0
SHORT_LIFE_S = 10.0
SHORT_LIVES = 3
POLL_S = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = logging.getLogger(__name__)


class Stop(Exception):
    """Somebody asked us to end."""


@dataclass
class Child:
    """One process that is to run as long as we do; `words` is its command line."""

    name: str
    words: Sequence[str]
    environ: Mapping[str, str] | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at_s: float = 0.0
    short_lives: int = field(default=0)

    def start(self) -> None:
        self.started_at_s = time.monotonic()
        self.process = subprocess.Popen(
            list(self.words),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the process and whatever it started within its session's group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def supervise(children: Sequence[Child], when_started: Callable[[], None] = lambda: None) -> int:
    """Runs the children until a signal asks to end, or one of them cannot be kept alive.

    Returns an exit status: 0 after a signal, 1 when a child ended at once several times in a row.
    """
    before = {number: signal.signal(number, raise_stop) for number in SIGNALS}
    try:
        for child in children:
            child.start()
        when_started()
        while all(keep_alive(child) for child in children):
            time.sleep(POLL_S)
        return 1
    except Stop:
        return 0
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        end_all(children)
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_stop(number: int, frame: FrameType | None) -> None:
    raise Stop


def keep_alive(child: Child) -> bool:
    """Restarts a child that has ended; False when it no longer makes sense."""
    if not child.has_ended():
        return True
    assert child.process is not None
    lived_s = time.monotonic() - child.started_at_s
    child.short_lives = child.short_lives + 1 if lived_s < SHORT_LIFE_S else 0
    log.error("%s ended after %.0f s with status %s", child.name, lived_s, child.process.returncode)
    child.signal_group(signal.SIGKILL)  # what it left behind
    if child.short_lives >= SHORT_LIVES:
        log.error("%s does not stay alive; everything is stopped", child.name)
        return False
    child.start()
    return True


def end_all(children: Sequence[Child]) -> None:
    """Asks every child to end, waits, and kills the rest, the groups of those that ended included."""
    for child in children:
        if not child.has_ended() and child.process is not None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in children:
        if child.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            child.signal_group(signal.SIGKILL)
            child.process.wait()
