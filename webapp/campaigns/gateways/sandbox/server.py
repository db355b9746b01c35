"""The sandbox as a process: takes messages, says what became of them, shows its inbox, sends receipts."""

import hmac
import json
import logging
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from webapp.campaigns.gateways.sandbox import pages
from webapp.campaigns.gateways.sandbox.chances import happens
from webapp.campaigns.gateways.sandbox.receipts import ReceiptSender
from webapp.campaigns.gateways.sandbox.store import Kept, Store
from webapp.campaigns.settings import SendingSettings

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 64 * 1024 * 1024
FIELDS = {"reference": str, "phone": str, "sender": str, "text": str, "encoding": str, "segments": int}
LOCAL_NAMES = ("127.0.0.1", "localhost")


class Sandbox(ThreadingHTTPServer):
    """The server, its store and its thread of receipts. It listens on the loopback only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, settings: SendingSettings) -> None:
        self.settings = settings
        self.store = Store(settings.store, settings.mischief)
        self.receipts = ReceiptSender(self.store, settings)
        super().__init__(("127.0.0.1", settings.port), Handler)  # closes what is above when the port is taken

    def server_close(self) -> None:
        self.receipts.stop()
        super().server_close()
        self.store.close()


class Handler(BaseHTTPRequestHandler):
    server: Sandbox
    timeout = 30

    def do_POST(self) -> None:
        try:
            payload = self.payload()
            if not self.is_ours():
                return self.answer_json(401, {"error": "The key is missing or wrong."})
            if self.path == "/messages":
                return self.take([checked(item) for item in payload["messages"]])
            if self.path == "/states":
                found = self.server.store.find([str(item) for item in payload["references"]])
                return self.answer_json(200, {"results": [result(kept) for kept in found]})
            if self.path == "/forget":
                self.server.store.forget([str(item) for item in payload["references"]])
                return self.answer_json(200, {})
        except (ValueError, KeyError, TypeError):
            return self.answer_json(400, {"error": "This is not what was agreed; nothing was taken."})
        return self.answer_json(404, {"error": "There is nothing here."})

    def take(self, messages: list[dict[str, Any]]) -> None:
        """Keeps the batch, then answers, late or never where the settings say so."""
        kept = self.server.store.take(messages, time.time())
        mischief = self.server.settings.mischief
        time.sleep(mischief.answer_delay_s)
        attempts = f"{kept[0].reference} {kept[0].offered}" if kept else ""
        if kept and happens(mischief.lost_answer_share, mischief.seed, "lost", attempts):
            return
        self.answer_json(200, {"results": [result(message) for message in kept]})

    def do_GET(self) -> None:
        if self.headers.get("Host", "").partition(":")[0] not in LOCAL_NAMES:
            return self.answer(421, "text/plain", "Ask for it as 127.0.0.1.")
        address = urlsplit(self.path)
        if address.path == "/":
            return self.answer(200, "text/html", pages.inbox(self.server.store, parse_qs(address.query)))
        if address.path == "/style.css":
            return self.answer(200, "text/css", pages.STYLE)
        if address.path == "/health":
            return self.answer_json(200, self.server.store.counts())
        return self.answer(404, "text/html", pages.nothing_here())

    def is_ours(self) -> bool:
        given = self.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self.server.settings.key}".encode())

    def payload(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length", 0))
        if not 0 <= length <= MOST_BODY_BYTES:
            raise ValueError("too much at once")
        payload = json.loads(self.rfile.read(length))
        if not isinstance(payload, dict):
            raise ValueError("not an object")
        return payload

    def answer_json(self, status: int, payload: object) -> None:
        self.answer(status, "application/json", json.dumps(payload))

    def answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'"
        )
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, words: str, *args: Any) -> None:
        log.debug(words, *args)


def checked(item: dict[str, Any]) -> dict[str, Any]:
    """The message with exactly the agreed fields. Raises `ValueError`, `KeyError`."""
    message = {name: item[name] for name in FIELDS}
    wrong = [name for name, kind in FIELDS.items() if type(message[name]) is not kind]
    if wrong or not message["reference"] or not message["text"]:
        raise ValueError(f"not usable: {wrong}")
    return message


def result(kept: Kept) -> dict[str, Any]:
    """What is told about a message, at the hand-off and when asked later."""
    return {"reference": kept.reference, "status": kept.status, "id": str(kept.id), "reason": kept.reason}


def serve(settings: SendingSettings) -> None:
    """Runs until SIGTERM or SIGINT."""
    sandbox = Sandbox(settings)

    def stop(*_: object) -> None:
        threading.Thread(target=sandbox.shutdown, daemon=True).start()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    sandbox.receipts.start()
    log.info("sandbox gateway on http://127.0.0.1:%d", settings.port)
    try:
        sandbox.serve_forever(poll_interval=0.2)
    finally:
        sandbox.server_close()
