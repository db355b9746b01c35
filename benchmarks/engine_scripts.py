"""The engine's own statements as pgbench scripts: recorded from one call, sent in the same pipelines."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import psycopg

from webapp.credits.wire import Wire
from webapp.db import db, transaction

Trips = list[list[tuple[str, dict[str, Any]]]]
RANDOM = "\\set r random(1, 9000000000000000)\n"


def recorded(act: Callable[[], object]) -> Trips:
    """The statements of one call, round trip by round trip; the call itself is rolled back."""
    trips: Trips = []
    ask_all = Wire.ask_all

    def remember(wire: Wire, *statements: Any) -> Any:
        trips.append([(sql, dict(values)) for sql, values in statements])
        return ask_all(wire, *statements)

    Wire.ask_all = remember  # type: ignore[method-assign]
    with contextlib.suppress(NotReally), transaction():
        try:
            act()
        finally:
            Wire.ask_all = ask_all  # type: ignore[method-assign]
        raise NotReally
    return trips


class NotReally(Exception):
    """Rolls back what was only done to be looked at."""


def literal(value: object) -> str:
    """A value as SQL; lists become array literals."""
    adapted = psycopg.sql.Literal(value).as_string(db.session.connection().connection.driver_connection)
    return adapted.strip()


def script_of(trips: Trips, varying: dict[str, str], setup: str) -> str:
    """A pgbench script. `varying` maps a parameter's name to what stands in its place.

    The engine compares how many balances were moved with its plan; here none divides by zero, which fails.
    """
    parts = [setup]
    begin: list[tuple[str, dict[str, Any]]] = [("BEGIN", {})]  # psycopg sends it with the first statements
    for trip in [begin + trips[0], *trips[1:]]:
        parts.append("\\startpipeline")
        for sql, values in trip:
            filled = re.sub(
                r"%\((\w+)\)s", lambda match, v=values: varying.get(match[1]) or literal(v[match[1]]), sql
            )
            parts.append(re.sub(r"\(SELECT count", "1 / (SELECT count", " ".join(filled.split())) + ";")
        parts.append("\\endpipeline")
    return "\n".join([*parts, "END;"])
