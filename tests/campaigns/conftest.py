"""The sandbox gateway for tests: in this process, on a free port, with a store of its own."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.campaigns.scene import made, people
from webapp.campaigns.gateways.sandbox.server import Sandbox
from webapp.campaigns.settings import Mischief, SendingSettings

__all__ = ["made", "people"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sending(tmp_path: Path) -> Callable[..., SendingSettings]:
    """Makes settings of sending for a gateway of the test's own."""

    def make(mischief: Mischief | None = None, **values: object) -> SendingSettings:
        given: dict[str, object] = {
            "gateway": "sandbox",
            "url": f"http://127.0.0.1:{free_port()}",
            "key": "a key for tests only",
            "receipts_url": "http://127.0.0.1:9/gateways/sandbox/receipts",
            "store": tmp_path / "gateway.sqlite3",
            "batch_messages": 50,
            "lease_s": 60.0,
            "timeout_s": 5.0,
            "mischief": mischief or Mischief(receipt_delay_s=0.0),
        }
        return SendingSettings(**(given | values))  # type: ignore[arg-type]

    return make


@pytest.fixture
def serving() -> Iterator[Callable[[SendingSettings], Sandbox]]:
    """Serves a sandbox with these settings until the test ends. Its thread of receipts is not started."""
    running: list[tuple[Sandbox, threading.Thread]] = []

    def serve(settings: SendingSettings) -> Sandbox:
        sandbox = Sandbox(settings)
        thread = threading.Thread(target=sandbox.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        running.append((sandbox, thread))
        return sandbox

    yield serve
    for sandbox, thread in running:
        sandbox.shutdown()
        thread.join()
        sandbox.server_close()
