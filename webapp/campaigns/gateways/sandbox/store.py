"""What the sandbox keeps: every message it took or refused, how often it was offered, and its receipts.

SQLite, because a real gateway's store is not our database. One connection behind a lock: the threads of the
server are few and every statement is short. A batch is committed before it is answered.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.campaigns.gateways.sandbox.chances import happens
from webapp.campaigns.settings import Mischief

MOST_RETRY_S = 300.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    phone TEXT NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, encoding TEXT NOT NULL,
    segments INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'refused')),
    reason TEXT NOT NULL DEFAULT '',
    outcome TEXT CHECK (outcome IN ('delivered', 'failed')),
    offered INTEGER NOT NULL DEFAULT 1,
    received_at REAL NOT NULL,
    ended_at REAL,
    receipt_due_at REAL,
    receipt_tries INTEGER NOT NULL DEFAULT 0,
    receipt_taken_at REAL
);
CREATE INDEX IF NOT EXISTS message_due ON message (receipt_due_at)
    WHERE receipt_due_at IS NOT NULL AND receipt_taken_at IS NULL;
CREATE INDEX IF NOT EXISTS message_phone ON message (phone);
"""

TAKE = """
INSERT INTO message (reference, phone, sender, text, encoding, segments, status, reason, outcome, received_at,
                     ended_at, receipt_due_at)
VALUES (:reference, :phone, :sender, :text, :encoding, :segments, :status, :reason, :outcome, :at,
        :due_at, :due_at)
ON CONFLICT (reference) DO UPDATE SET offered = offered + 1
"""


@dataclass(frozen=True)
class Kept:
    """One message as the sandbox has it. Instants are seconds of the Unix clock."""

    id: int
    reference: str
    phone: str
    sender: str
    text: str
    encoding: str
    segments: int
    status: str
    reason: str
    outcome: str | None
    offered: int
    received_at: float
    ended_at: float | None
    receipt_due_at: float | None
    receipt_tries: int
    receipt_taken_at: float | None


class Store:
    """The sandbox's memory, in one file."""

    def __init__(self, path: Path, mischief: Mischief) -> None:
        self.mischief = mischief
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA secure_delete = ON")
        self.connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def take(self, messages: Iterable[dict[str, Any]], now_s: float) -> list[Kept]:
        """Keeps what is new, counts what was offered again; the answer is what stands, in the given order."""
        rows = [self.decided(message, now_s) for message in messages]
        with self.transaction() as connection:
            connection.executemany(TAKE, rows)
        return self.find([row["reference"] for row in rows])

    def decided(self, message: dict[str, Any], now_s: float) -> dict[str, Any]:
        """The message with its fate: refused at the door, or a receipt that will come."""
        mischief, reference = self.mischief, message["reference"]
        refused = happens(mischief.refused_share, mischief.seed, "refused", reference)
        failed = happens(mischief.failed_share, mischief.seed, "failed", reference)
        return message | {
            "status": "refused" if refused else "accepted",
            "reason": "number not in service" if refused else "",
            "outcome": None if refused else "failed" if failed else "delivered",
            "at": now_s,
            "due_at": None if refused else now_s + mischief.receipt_delay_s,
        }

    def find(self, references: Sequence[str]) -> list[Kept]:
        """Those of the references that it knows, in the given order."""
        found: dict[str, Kept] = {}
        with self.lock:
            for start in range(0, len(references), 500):
                some = references[start : start + 500]
                marks = ",".join("?" * len(some))
                query = f"SELECT * FROM message WHERE reference IN ({marks})"
                found |= {row["reference"]: Kept(**row) for row in self.connection.execute(query, some)}
        return [found[reference] for reference in references if reference in found]

    def forget(self, references: Sequence[str]) -> None:
        """Number and text go, what became of the message stays; the freed pages are overwritten."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE message SET phone = '', text = '' WHERE reference = ?",
                [(each,) for each in references],
            )

    def due(self, now_s: float, limit: int) -> list[Kept]:
        """Messages whose receipt should be on its way and has not been taken yet, the oldest first."""
        query = """SELECT * FROM message WHERE receipt_due_at <= ? AND receipt_taken_at IS NULL
                   ORDER BY receipt_due_at, id LIMIT ?"""
        with self.lock:
            return [Kept(**row) for row in self.connection.execute(query, (now_s, limit))]

    def receipts_taken(self, ids: Sequence[int], now_s: float) -> None:
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE message SET receipt_taken_at = ?, receipt_tries = receipt_tries + 1 WHERE id = ?",
                [(now_s, each) for each in ids],
            )

    def receipts_not_taken(self, messages: Sequence[Kept], now_s: float) -> None:
        """Tries these later: after 1 s, 2 s, 4 s, at most five minutes."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE message SET receipt_due_at = ?, receipt_tries = receipt_tries + 1 WHERE id = ?",
                [
                    (now_s + min(MOST_RETRY_S, 2.0 ** min(kept.receipt_tries, 10)), kept.id)
                    for kept in messages
                ],
            )

    def newest(self, *, phone: str = "", before: int | None = None, limit: int = 50) -> list[Kept]:
        """The inbox, the newest first: of one number where given, older than a message where given."""
        query = """SELECT * FROM message WHERE (? = '' OR phone = ?) AND (? IS NULL OR id < ?)
                   ORDER BY id DESC LIMIT ?"""
        with self.lock:
            rows = self.connection.execute(query, (phone, phone, before, before, limit)).fetchall()
        return [Kept(**row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many it took, refused, delivered and failed."""
        query = """SELECT count(*) FILTER (WHERE status = 'accepted') AS accepted,
                          count(*) FILTER (WHERE status = 'refused') AS refused,
                          count(*) FILTER (WHERE receipt_taken_at IS NOT NULL) AS receipts
                   FROM message"""
        with self.lock:
            return dict(self.connection.execute(query).fetchone())

    def close(self) -> None:
        with self.lock:
            self.connection.close()
