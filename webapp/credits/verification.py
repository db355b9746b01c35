"""`ledger verify`: rebuilds every balance from the entries in SQL of its own and reports any drift."""

from dataclasses import dataclass

from sqlalchemy import text

from webapp.credits.verification_sql import BLOCKS, CHECKS
from webapp.db import db, transaction


@dataclass(frozen=True)
class Drift:
    """Something that is not what the entries say. A broken seal concerns no platform."""

    check: str
    platform_id: int | None
    what: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"


def verify(platform_id: int | None = None) -> tuple[Drift, ...]:
    """Every drift of one platform, or of all of them and of the seals; empty when all is right.

    Costs a reading of the whole history. One snapshot for all checks, so that it may run while others write.
    """
    of = "true" if platform_id is None else f"platform_id = {int(platform_id)}"
    checks = {name: sql.replace("{of}", qualified(name, of)) for name, sql in CHECKS.items()}
    if platform_id is None:
        checks["seals"] = BLOCKS
    fresh = not db.session().in_transaction()
    with transaction() as session:
        connection = session.connection()
        if fresh and not connection.in_nested_transaction():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = [(name, row) for name, sql in checks.items() for row in connection.exec_driver_sql(sql)]
    return tuple(Drift(name, *row) for name, row in rows)


QUALIFIER = {
    "orphans": "parts.",
    "funding": "demand.",
    "lot origins": "lot.",
    "hold origins": "hold.",
    "lot parts": "lot.",
    "lot dates": "lot.",
}


def qualified(check: str, of: str) -> str:
    """The condition with the table it means, where several have a platform."""
    return of if of == "true" else QUALIFIER.get(check, "") + of


def newest_seal() -> tuple[int, str] | None:
    """The number and hash of the last block: kept elsewhere, they prove the history it seals."""
    with transaction() as session:
        row = session.execute(
            text("SELECT id, encode(hash, 'hex') FROM ledger_block ORDER BY id DESC LIMIT 1")
        ).first()
    return (row[0], row[1]) if row else None
