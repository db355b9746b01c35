"""Files made on request: what is in them, how far they are, and the file itself until it is cleaned up."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identifier, Model

WAITING, RUNNING, READY, FAILED = "waiting", "running", "ready", "failed"


class Export(Model):
    """One file of one platform, on its way or ready until `delete_at` is due.

    `scope` says what is in it (`webapp/reports/exports.py` reads it); `rows_total` is what was counted
    when it was asked for, so that a page can show how far it is.
    """

    __tablename__ = "export"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        CheckConstraint("kind IN ('usage', 'ledger')", name="kind_known"),
        CheckConstraint("format IN ('xlsx', 'csv')", name="format_known"),
        CheckConstraint("status IN ('waiting', 'running', 'ready', 'failed')", name="status_known"),
        CheckConstraint("rows_done >= 0 AND rows_total >= 0 AND file_bytes >= 0", name="counts_not_negative"),
        CheckConstraint(
            "(status IN ('ready', 'failed')) = (finished_at IS NOT NULL)", name="finished_at_an_instant"
        ),
        Index("ix_export_delete_at", "delete_at"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    kind: Mapped[str]
    format: Mapped[str] = mapped_column(default="xlsx", server_default="xlsx")
    scope: Mapped[dict[str, Any]] = mapped_column(JSONB)
    title: Mapped[str]
    file_name: Mapped[str]
    status: Mapped[str] = mapped_column(default=WAITING, server_default=WAITING)
    rows_done: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    rows_total: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    file_bytes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    by_name: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    delete_at: Mapped[datetime]


class ExportPart(Model):
    """A piece of a file. In the database, so that any web process can send what any worker has made."""

    __tablename__ = "export_part"

    export_id: Mapped[int] = mapped_column(
        ForeignKey("export.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
