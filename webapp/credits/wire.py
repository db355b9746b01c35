"""SQL on the session's own connection, several statements to a round trip.

The ledger's statements are few, hot and plain SQL, so they go to psycopg directly: prepared on the
server, pipelined, without the ORM between. Errors come out as SQLAlchemy's, so that a lost connection or
a serialization failure is seen as what it is, and the pool drops a dead connection.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webapp.db import db, transaction

Row = tuple[Any, ...]
Statement = tuple[str, Mapping[str, object]]


class Wire:
    """The connection of one unit of work."""

    def __init__(self, session: Session) -> None:
        self.connection = session.connection()
        self.driver: psycopg.Connection[Row] = self.connection.connection.driver_connection  # type: ignore[assignment]

    def ask(self, sql: str, **values: object) -> list[Row]:
        """The rows of one statement; none where it returns none."""
        return self.ask_all((sql, values))[0]

    def ask_all(self, *statements: Statement) -> list[list[Row]]:
        """The rows of each statement, all sent together. Each sees what was committed when it began."""
        try:
            if len(statements) == 1:
                return [rows_of(self.send(*statements[0]))]
            with self.driver.pipeline():
                cursors = [self.send(sql, values) for sql, values in statements]
            return [rows_of(cursor) for cursor in cursors]
        except psycopg.Error as error:
            raise self.translated(error, statements) from error

    def send(self, sql: str, values: Mapping[str, object]) -> psycopg.Cursor[Row]:
        cursor = self.driver.cursor()
        # One type for every integer: psycopg would choose by size, and prepare a statement per choice.
        cursor.adapters.register_dumper(int, Int8Dumper)
        return cursor.execute(sql, values)

    def translated(self, error: psycopg.Error, statements: tuple[Statement, ...]) -> BaseException:
        """The error as SQLAlchemy tells it; the pool forgets the connection if it is gone."""
        gone = self.driver.closed or self.driver.broken
        if gone:
            self.connection.invalidate(error)
        text = ";\n".join(sql for sql, _ in statements)
        return DBAPIError.instance(text, None, error, psycopg.Error, connection_invalidated=gone)


def rows_of(cursor: psycopg.Cursor[Row]) -> list[Row]:
    return cursor.fetchall() if cursor.description else []


@contextmanager
def unit() -> Iterator[Wire]:
    """One operation: a transaction of its own or, inside another, a part of it that can be refused alone."""
    with transaction() as session:
        session.flush()
        if session.info["transaction_depth"] == 1:
            yield Wire(session)
            return
        with session.begin_nested():
            yield Wire(session)


@contextmanager
def reading() -> Iterator[Wire]:
    """Questions only: joins the transaction there is and ends none.

    A commit would make the session forget what it has loaded, and a page that asks for the balance
    while it is drawn would load every row it shows again, one by one.
    """
    session = db.session()
    session.flush()
    yield Wire(session)
