"""Seals transactions in hash-chained blocks, so that a change of history behind our back shows.

The text of a transaction, hashed with SHA-256: lines joined by a line feed, fields by `|`, nothing for
NULL, instants in microseconds since 1970, days in ISO form, free text and bytes in hexadecimal:

    id|platform|kind|at|recorded_at|on_day|actor id|actor name|subject kind|subject id|hold|reason|burn order|
        available after|key|request|result
    e|position|source|target|credits|list|hold          each entry, by position
    l|position|lot|source|target|credits|hold           each lot line, by position
    r|lot|before|after                                  each renewal, by lot
    a|list|true or false                                each change of access, by list
    c|message|list|country|segments|rate|plugin|version each charge, by message

A block's hash is that of the previous block's and its transactions' hashes, in order of id, the late ones
last. `verification_sql.py` computes the same in SQL. The first block's previous hash is 32 zeros.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from webapp.credits.operation import instant_of
from webapp.credits.wire import Row, Wire, unit

BLOCK_TRANSACTIONS = 5000
LATE_BLOCKS = 2000  # how far back a transaction that was not yet visible may turn up
NO_BLOCK = bytes(32)
LOCK = 7_226_115

LAST_BLOCK = "SELECT id, until_id, hash FROM ledger_block ORDER BY id DESC LIMIT 1"
NEW_IDS = "SELECT id FROM ledger_transaction WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
LATE_IDS = """
WITH recent AS (SELECT * FROM ledger_block ORDER BY id DESC LIMIT %(blocks)s)
SELECT id FROM ledger_transaction WHERE id IN (
    SELECT unnest(missing) FROM recent EXCEPT SELECT unnest(late) FROM ledger_block) ORDER BY id
"""
INSERT_BLOCK = """
INSERT INTO ledger_block (id, from_id, until_id, missing, late, transactions, previous, hash, sealed_at)
VALUES (%(id)s, %(from_id)s, %(until_id)s, %(missing)s::bigint[], %(late)s::bigint[], %(transactions)s,
        %(previous)s, %(hash)s, %(sealed_at)s)
"""
TRANSACTIONS = """
SELECT id, platform_id, kind, at, recorded_at, on_day, actor_id, convert_to(actor_name, 'UTF8'), subject_kind,
       subject_id, hold_id, convert_to(reason, 'UTF8'), burn_order, available_after,
       convert_to(key, 'UTF8'), request,
       convert_to(result::text, 'UTF8')
FROM ledger_transaction WHERE id = ANY (%(ids)s::bigint[])
"""
CHILDREN = (
    """SELECT transaction_id, 'e', position, source, target, credits, list_id, hold_id FROM ledger_entry
       WHERE transaction_id = ANY (%(ids)s::bigint[]) ORDER BY transaction_id, position""",
    """SELECT transaction_id, 'l', position, lot_id, source, target, credits, hold_id FROM lot_line
       WHERE transaction_id = ANY (%(ids)s::bigint[]) ORDER BY transaction_id, position""",
    """SELECT transaction_id, 'r', lot_id, expires_on_before, expires_on FROM lot_renewal
       WHERE transaction_id = ANY (%(ids)s::bigint[]) ORDER BY transaction_id, lot_id""",
    """SELECT transaction_id, 'a', list_id, limited FROM access_change
       WHERE transaction_id = ANY (%(ids)s::bigint[]) ORDER BY transaction_id, list_id""",
    """SELECT transaction_id, 'c', message_id, list_id, country, segments, credits_per_segment,
              convert_to(plugin, 'UTF8'), convert_to(plugin_version, 'UTF8') FROM charge
       WHERE transaction_id = ANY (%(ids)s::bigint[]) ORDER BY transaction_id, message_id""",
)


@dataclass(frozen=True)
class Block:
    id: int
    transactions: int
    hash: bytes


def seal(*, now: datetime, most: int = BLOCK_TRANSACTIONS) -> Block | None:
    """Seals what is new into one block, up to so many transactions; None when nothing is.

    Two at once take turns. Transactions committed later than others of a higher id are sealed when they show.
    """
    with unit() as wire:
        wire.ask("SELECT pg_advisory_xact_lock(%(lock)s)", lock=LOCK)
        last = wire.ask(LAST_BLOCK)
        number, until, previous = last[0] if last else (0, 0, NO_BLOCK)
        ids = [row[0] for row in wire.ask(NEW_IDS, after=until, limit=most)]
        late = [row[0] for row in wire.ask(LATE_IDS, blocks=LATE_BLOCKS)]
        if not ids and not late:
            return None
        block = Block(number + 1, len(ids) + len(late), block_hash(wire, bytes(previous), [*ids, *late]))
        until_id = ids[-1] if ids else until
        wire.ask(
            INSERT_BLOCK,
            id=block.id,
            from_id=until + 1,
            until_id=until_id,
            missing=sorted(set(range(until + 1, until_id + 1)) - set(ids)),
            late=late,
            transactions=block.transactions,
            previous=previous,
            hash=block.hash,
            sealed_at=instant_of(now),
        )
        return block


def seal_all(*, now: datetime) -> int:
    """Seals until nothing is left; the answer is the number of blocks."""
    blocks = 0
    while seal(now=now):
        blocks += 1
    return blocks


def block_hash(wire: Wire, previous: bytes, ids: Sequence[int]) -> bytes:
    lines = {row[0]: [text_of(row)] for row in wire.ask(TRANSACTIONS, ids=list(ids))}
    for sql in CHILDREN:
        for transaction_id, *fields in wire.ask(sql, ids=list(ids)):
            lines[transaction_id].append(text_of(fields))
    digests = (hashlib.sha256("\n".join(lines[i]).encode()).digest() for i in ids)
    return hashlib.sha256(previous + b"".join(digests)).digest()


def text_of(fields: Sequence[object] | Row) -> str:
    return "|".join(text_of_field(field) for field in fields)


def text_of_field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        seconds, micros = int(value.timestamp() // 1), value.microsecond
        return str(seconds * 1_000_000 + micros)
    if isinstance(value, date):
        return value.isoformat()
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
