"""The recipients of lists as arrays, for quotes: loaded fast, kept while the list does not change.

`load_audience` answers from memory while the version of a list is the one it was loaded at. A campaign
that confirms calls `lock_audience` first: until its transaction ends nobody changes the recipients.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.audience import chunks, statistics
from webapp.audience.models import DoNotContactVersion, RecipientList
from webapp.db import db
from webapp.pricing.audiences import Audience, ListColumns
from webapp.pricing.columns import Column

KEPT_BYTES = 1 << 30  # of all snapshots in one process; one that is larger is kept alone
TRIES = 5
BYTES_PER_KEY = 19
BYTES_PER_VALUE = 32  # of a value and its statistics, as a rule


class UnknownListError(LookupError):
    """A list that this platform does not have, or has deleted."""


def load_audience(platform_id: int, list_ids: Sequence[int]) -> Audience:
    """The recipients of these lists, in this order, and the numbers nobody may write to.

    Raises `UnknownListError` for a list of another platform, or a deleted one.
    """
    session = db.session()
    versions = list_versions(session, platform_id, list_ids)
    if missing := [list_id for list_id in list_ids if list_id not in versions]:
        raise UnknownListError(missing)
    loaded = tuple(load_list(session, list_id, versions[list_id]) for list_id in list_ids)
    return Audience(lists=loaded, do_not_contact=load_do_not_contact(session, platform_id))


def lock_audience(platform_id: int, list_ids: Sequence[int]) -> None:
    """Until the transaction ends, nobody changes the recipients of these lists or the do-not-contact list."""
    session = db.session()
    session.execute(insert(DoNotContactVersion).values(platform_id=platform_id).on_conflict_do_nothing())
    session.execute(
        select(RecipientList.id)
        .where(RecipientList.platform_id == platform_id, RecipientList.id.in_(list_ids))
        .order_by(RecipientList.id)
        .with_for_update(read=True)
    )
    session.execute(
        select(DoNotContactVersion.platform_id)
        .where(DoNotContactVersion.platform_id == platform_id)
        .with_for_update(read=True)
    )


def list_versions(session: Session, platform_id: int, list_ids: Sequence[int]) -> dict[int, int]:
    """The version of each of these lists that the platform has."""
    found = session.execute(
        select(RecipientList.id, RecipientList.version).where(
            RecipientList.platform_id == platform_id,
            RecipientList.id.in_(list_ids),
            RecipientList.deleted_at.is_(None),
        )
    )
    return {row.id: row.version for row in found}


Key = tuple[str, str, int]  # database, kind, id


def key_of(session: Session, kind: str, owner_id: int) -> Key:
    return (session.get_bind().engine.url.render_as_string(), kind, owner_id)


@dataclass
class Kept:
    """What one process keeps: the snapshots last used, up to `KEPT_BYTES`."""

    entries: OrderedDict[Key, tuple[int, Any, int]]
    lock: threading.Lock

    def get(self, key: Key, version: int) -> Any | None:
        with self.lock:
            entry = self.entries.get(key)
            if entry is None or entry[0] != version:
                return None
            self.entries.move_to_end(key)
            return entry[1]

    def put(self, key: Key, version: int, value: Any, size_bytes: int) -> None:
        with self.lock:
            self.entries[key] = (version, value, size_bytes)
            self.entries.move_to_end(key)
            while len(self.entries) > 1 and sum(entry[2] for entry in self.entries.values()) > KEPT_BYTES:
                self.entries.popitem(last=False)

    def clear(self) -> None:
        with self.lock:
            self.entries.clear()


kept = Kept(OrderedDict(), threading.Lock())


def load_list(session: Session, list_id: int, version: int) -> ListColumns:
    """One list at this version or a later one; from memory where it is there."""
    key = key_of(session, "list", list_id)
    for _ in range(TRIES):
        if (known := kept.get(key, version)) is not None:
            return known  # type: ignore[no-any-return]
        columns = read_list(session, list_id, version)
        after = current_version(session, list_id)
        if after == version:
            kept.put(key, version, columns, size_of(columns))
            return columns
        version = after
    raise RuntimeError(f"list {list_id} changed {TRIES} times while it was read")


def current_version(session: Session, list_id: int) -> int:
    return session.scalars(select(RecipientList.version).where(RecipientList.id == list_id)).one()


def size_of(columns: ListColumns) -> int:
    return len(columns.phones) * (BYTES_PER_KEY + BYTES_PER_VALUE * len(columns.fields))


def read_list(session: Session, list_id: int, version: int) -> ListColumns:
    """The chunks of a list put together; those that changed are measured from their rows."""
    fields = session.scalars(select(RecipientList.fields).where(RecipientList.id == list_id)).one()
    pieces = [piece for piece in read_chunks(session, list_id) if len(piece.keys.ids)]
    keys = [piece.keys for piece in pieces]
    return ListColumns(
        list_id=list_id,
        version=version,
        recipient_ids=joined([key.ids for key in keys], np.int64),
        phones=joined([key.phones for key in keys], np.int64),
        countries=country_indexes(joined([key.letters for key in keys], np.uint16)),
        flags=joined([key.flags for key in keys], np.uint8),
        fields={name: joined_columns(name, pieces) for name in fields},
    )


@dataclass(frozen=True)
class Piece:
    """One chunk as it was read."""

    keys: chunks.Keys
    columns: Mapping[str, Column]


def read_chunks(session: Session, list_id: int) -> Iterator[Piece]:
    """The chunks in the order of their ids: the recipients in the order in which they came."""
    cursor = driver_cursor(session)
    found = cursor.execute(CHUNKS, (list_id,)).fetchall()
    packed: dict[int, dict[str, bytes]] = defaultdict(dict)
    for chunk_id, field, column in cursor.execute(COLUMNS, (list_id,)):
        packed[chunk_id][field] = column
    for chunk_id, keys in found:
        yield unpacked(keys, packed[chunk_id]) or measured(session, chunk_id)


def unpacked(keys: bytes | None, columns: Mapping[str, bytes]) -> Piece | None:
    """The packed form; None when there is none, or another version of the program wrote it."""
    if not keys or (found := chunks.unpack(keys)) is None:
        return None
    try:
        return Piece(found, {field: Column.unpack(column) for field, column in columns.items()})
    except ValueError:
        return None


CHUNKS = "SELECT id, CASE WHEN NOT dirty THEN keys END FROM recipient_chunk WHERE list_id = %s ORDER BY id"
COLUMNS = """
    SELECT chunk_id, field, packed FROM recipient_column JOIN recipient_chunk ON chunk_id = id
    WHERE list_id = %s AND NOT dirty
"""


def measured(session: Session, chunk_id: int) -> Piece:
    """A chunk whose packed form is out of date, measured from its rows."""
    rows = statistics.read_rows(session, chunk_id)
    columns = {name: Column.measure(values) for name, values in rows.values.items()}
    return Piece(chunks.keys_of(rows), columns)


def driver_cursor(session: Session) -> Any:
    """A psycopg cursor in the session's own transaction that takes bytes as they are, not as hex."""
    connection: Any = session.connection().connection.driver_connection
    return connection.cursor(binary=True)


def joined(arrays: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)


def joined_columns(name: str, pieces: list[Piece]) -> Column:
    """The column over all chunks; where a chunk has none, its recipients have no value."""
    parts = [piece.columns.get(name) or Column.measure([""] * len(piece.keys.ids)) for piece in pieces]
    return Column.concatenate(parts) if parts else Column.measure([])


def country_indexes(letters: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """From the two letters of each country to its place in `webapp.pricing.numbers.COUNTRIES`."""
    wide = letters.astype(np.int32) - (ord("A") << 8 | ord("A"))
    return ((wide & 0xFF) * 26 + (wide >> 8)).astype(np.uint16)


def load_do_not_contact(session: Session, platform_id: int) -> NDArray[np.int64]:
    """The numbers nobody on the platform may write to, sorted."""
    asked = select(DoNotContactVersion.version).where(DoNotContactVersion.platform_id == platform_id)
    version = session.scalars(asked).one_or_none() or 0
    key = key_of(session, "do_not_contact", platform_id)
    known = kept.get(key, version)
    if known is None:
        known = read_do_not_contact(session, platform_id)
        if (session.scalars(asked).one_or_none() or 0) == version:
            kept.put(key, version, known, known.nbytes)
    return known


def read_do_not_contact(session: Session, platform_id: int) -> NDArray[np.int64]:
    cursor = driver_cursor(session)
    cursor.execute("SELECT phone FROM do_not_contact WHERE platform_id = %s ORDER BY phone", (platform_id,))
    return np.fromiter((row[0] for row in cursor), np.int64)
