"""A whole installation in processes of its own: web, worker and sandbox gateway on a database."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import eventually

READY_WITHIN_S = 300.0


@dataclass
class Installation:
    """Where it answers, where its gateway keeps its messages, and how to run a command in it."""

    url: str
    gateway_url: str
    folder: Path
    environ: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def gateway_store(self) -> Path:
        return self.folder / "sandbox-gateway.sqlite3"

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs an `sms-credits` command in this installation."""
        return subprocess.run(
            [sys.executable, "-m", "webapp", *words],
            env=dict(self.environ),
            text=True,
            capture_output=True,
            check=False,
            timeout=300,
        )

    def start(self, name: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "webapp", name], env=dict(self.environ), stdout=log, stderr=log
            )

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-4000:]}" for path in self.folder.glob("*.log"))


@contextmanager
def installed(database_url: str, folder: Path, **settings: str) -> Iterator[Installation]:
    """Starts web, worker and gateway; waits until the pages answer; stops everything afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    web, gateway = free_ports(2)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SMS_CREDITS_")},
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "DATABASE_URL": database_url,
        "SMS_CREDITS_INSTANCE": str(folder),
        "SMS_CREDITS_PORT": str(web),
        "SMS_CREDITS_SANDBOX_PORT": str(gateway),
        "SMS_CREDITS_WEB_PROCESSES": "1",
        "SMS_CREDITS_SANDBOX_RECEIPT_DELAY_S": "0",
        **settings,
    }
    made = Installation(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{gateway}", folder, environ)
    try:
        for name in ("web", "worker", "gateway"):
            made.start(name)
        if not eventually(lambda: answers(made.url) and answers(made.gateway_url), READY_WITHIN_S):
            raise AssertionError(f"the installation did not start\n{made.logs()}")
        yield made
    finally:
        stop(made)


def stop(made: Installation) -> None:
    for process in made.processes.values():
        process.terminate()
    for process in made.processes.values():
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        time.sleep(0.2)
        return False


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
