"""Writing many recipients at once: COPY for new people, one UPDATE for known ones, chunks for both."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from json import dumps
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.audience import statistics
from webapp.audience.chunks import CAPACITY, Rows
from webapp.audience.models import SUBSCRIBED
from webapp.audience.rows import Refusal, Taken

LINES_AT_ONCE = 2_000
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def add(session: Session, platform_id: int, list_id: int, new: Taken, now: datetime) -> None:
    """Adds people who are not on the list, with their statistics. The list must be locked."""
    for start in range(0, len(new), CAPACITY):
        piece = new.only(range(start, min(start + CAPACITY, len(new))))
        add_piece(session, platform_id, list_id, piece, now)


def add_piece(session: Session, platform_id: int, list_id: int, new: Taken, now: datetime) -> None:
    chunk_id, there = statistics.chunk_with_room(session, platform_id, list_id, len(new))
    ids = reserved_ids(session, len(new))
    head, tail = f"\t{platform_id}\t{list_id}\t{chunk_id}\t", f"\t{now.isoformat()}\t{now.isoformat()}\n"
    lines = (
        f"{recipient_id}{head}{phone}\t{country}\t{fields}{tail}"
        for recipient_id, phone, country, fields in zip(
            ids, new.phones, new.countries, new.objects, strict=True
        )
    )
    copy(
        session,
        "COPY recipient (id, platform_id, list_id, chunk_id, phone, country, fields, created_at, updated_at)"
        " FROM STDIN",
        lines,
    )
    if there:
        statistics.rebuild(session, chunk_id)
        return
    statuses = [SUBSCRIBED] * len(new)
    rows = Rows(ids, new.phones, new.countries, statuses, new.values)
    statistics.store(session, chunk_id, rows, new.columns)


def reserved_ids(session: Session, count: int) -> list[int]:
    """Ids nobody else gets, ascending."""
    sequence = text("SELECT array_agg(nextval('recipient_id_seq')) FROM generate_series(1, :n)")
    return list(session.scalars(sequence, {"n": count}).one())


def change(session: Session, list_id: int, known: Taken, now: datetime) -> set[int]:
    """Gives people on the list their new values; returns the numbers of those whose values were others.

    Fields that the file has not stay as they are; an empty cell empties its field. Nobody's status changes.
    """
    session.execute(TOLD)
    session.execute(text("TRUNCATE told"))
    lines = (f"{phone}\t{fields}\n" for phone, fields in zip(known.phones, known.objects, strict=True))
    copy(session, "COPY told (phone, fields) FROM STDIN", lines)
    of = {"list_id": list_id, "names": list(known.values)}
    others = session.scalars(OTHERS, of).all()
    return set(session.scalars(CHANGE, {**of, "ids": others, "now": now})) if others else set()


TOLD = text(
    """
    CREATE TEMP TABLE IF NOT EXISTS told (phone bigint, fields jsonb) ON COMMIT DELETE ROWS
    """
)
# Number by number: to a join the planner prefers reading the whole list, once for every batch.
OTHERS = text(
    """
    SELECT found.id
    FROM told CROSS JOIN LATERAL (
        SELECT id, fields FROM recipient WHERE list_id = :list_id AND recipient.phone = told.phone LIMIT 1
    ) AS found
    WHERE found.fields IS DISTINCT FROM (found.fields - CAST(:names AS text[])) || told.fields
    """
)
CHANGE = text(
    """
    UPDATE recipient
    SET fields = (recipient.fields - CAST(:names AS text[])) || told.fields, updated_at = :now
    FROM told
    WHERE recipient.id = ANY(:ids) AND recipient.list_id = :list_id AND recipient.phone = told.phone
    RETURNING recipient.phone
    """
)
ON_LIST = text(
    """
    SELECT found.phone
    FROM unnest(CAST(:phones AS bigint[])) AS asked (phone) CROSS JOIN LATERAL (
        SELECT phone FROM recipient WHERE list_id = :list_id AND recipient.phone = asked.phone LIMIT 1
    ) AS found
    """
)


def on_list(session: Session, list_id: int, phones: Sequence[int]) -> set[int]:
    """Those of these numbers that are on the list."""
    return set(session.scalars(ON_LIST, {"list_id": list_id, "phones": list(phones)}))


def refuse(session: Session, import_id: int, refusals: Sequence[Refusal]) -> None:
    """Keeps refused rows with their reasons. What no database can hold is left out of their cells."""
    lines = [
        "\t".join(
            (
                str(import_id),
                str(each.row),
                each.reason.translate(ESCAPES),
                r"\N" if each.phone is None else str(each.phone),
                cells_json(each.cells).replace("\\", "\\\\"),
            )
        )
        + "\n"
        for each in refusals
    ]
    if lines:
        copy(session, "COPY import_refusal (import_id, row, reason, phone, cells) FROM STDIN", lines)


def cells_json(cells: Sequence[str]) -> str:
    return dumps([cell.replace("\x00", "")[:1_000] for cell in cells[:500]], ensure_ascii=True)


def copy(session: Session, statement: str, lines: Iterable[str]) -> None:
    """COPY on the session's own connection, inside its transaction, some lines at a time: the server takes
    in the first while the next are made."""
    lines = iter(lines)
    with driver_cursor(session) as cursor, cursor.copy(statement) as into:
        while some := "".join(islice(lines, LINES_AT_ONCE)):
            into.write(some.encode("utf-8", "replace"))


def driver_cursor(session: Session) -> Any:
    session.flush()
    connection: Any = session.connection().connection.driver_connection
    return connection.cursor()
