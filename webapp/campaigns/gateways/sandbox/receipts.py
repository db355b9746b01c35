"""Delivery receipts of the sandbox: signed callbacks in batches, repeated until somebody takes them."""

import http.client
import json
import logging
import threading
import time
from urllib.parse import urlsplit

from webapp.campaigns.gateways.sandbox.store import Kept, Store
from webapp.campaigns.gateways.signing import HEADER, signature
from webapp.campaigns.settings import SendingSettings

log = logging.getLogger(__name__)

BATCH = 500
PAUSE_S = 0.2
TIMEOUT_S = 20.0


class ReceiptSender(threading.Thread):
    """Looks every moment for receipts that are due, and sends them."""

    def __init__(self, store: Store, settings: SendingSettings) -> None:
        super().__init__(name="receipts", daemon=True)
        self.store = store
        self.settings = settings
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(PAUSE_S):
            while not self.stopping.is_set() and self.send_some():
                pass

    def send_some(self) -> bool:
        """Sends one batch; whether there may be more to send at once."""
        due = self.store.due(time.time(), BATCH)
        if not due:
            return False
        taken = self.post(payload(due))
        if taken:
            self.store.receipts_taken([kept.id for kept in due], time.time())
        else:
            self.store.receipts_not_taken(due, time.time())
        return taken and len(due) == BATCH

    def post(self, body: bytes) -> bool:
        """Whether the application took the receipts."""
        parts = urlsplit(self.settings.receipts_url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        signed = signature(body, self.settings.key, int(time.time()))
        try:
            headers = {"Content-Type": "application/json", HEADER: signed}
            connection.request("POST", parts.path, body, headers)
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException) as error:
            log.debug("receipts not taken: %s", error)
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        self.stopping.set()
        if self.is_alive():
            self.join(TIMEOUT_S)


def payload(messages: list[Kept]) -> bytes:
    """The body of a callback."""
    receipts = [
        {
            "reference": kept.reference,
            "key": f"{kept.id}-final",
            "status": kept.outcome,
            "detail": "" if kept.outcome == "delivered" else "phone not reachable",
            "at": kept.ended_at,
        }
        for kept in messages
    ]
    return json.dumps({"receipts": receipts}).encode()
