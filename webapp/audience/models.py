"""Tables of lists, recipients, their column chunks, suppression and imports.

Triggers in migration 0004 keep what a foreign key per row would make slow: every statement that changes
recipients raises the version of their lists, marks their chunks as changed, and is refused when a chunk
belongs to another list.
"""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identifier, Model

HIGHEST_PHONE = 999_999_999_999_999  # E.164 allows 15 digits

SUBSCRIBED, UNSUBSCRIBED, INVALID = "subscribed", "unsubscribed", "invalid"
STATUSES = (SUBSCRIBED, UNSUBSCRIBED, INVALID)

RECIPIENTS, DO_NOT_CONTACT = "recipients", "do_not_contact"


class RecipientList(Model):
    """A list of one platform. Never deleted from the table: reports keep its name."""

    __tablename__ = "recipient_list"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint("version >= 0", name="version_not_negative"),
        Index(
            "uq_recipient_list_name_in_use",
            "platform_id",
            func.lower(text("name")),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    name: Mapped[str]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class RecipientChunk(Model):
    """Up to `chunks.CAPACITY` recipients of a list as packed columns.

    `keys` holds ids, phones, countries and flags; `summary` counts by country and status. While `dirty`
    is true both are older than the rows and must be read from the rows.
    """

    __tablename__ = "recipient_chunk"
    __table_args__ = (
        ForeignKeyConstraint(["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]),
        CheckConstraint("recipients >= 0", name="recipients_not_negative"),
        Index("ix_recipient_chunk_list_id_id", "list_id", "id"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int]
    list_id: Mapped[int]
    recipients: Mapped[int] = mapped_column(server_default=text("0"))
    dirty: Mapped[bool] = mapped_column(server_default=text("true"))
    keys: Mapped[bytes] = mapped_column(LargeBinary, server_default=text("''::bytea"))
    summary: Mapped[dict[str, list[int]]] = mapped_column(JSONB, server_default=text("'{}'"))


class RecipientColumn(Model):
    """One merge field of one chunk: a packed `webapp.pricing.columns.Column`."""

    __tablename__ = "recipient_column"

    chunk_id: Mapped[int] = mapped_column(
        ForeignKey("recipient_chunk.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    field: Mapped[str] = mapped_column(primary_key=True)
    packed: Mapped[bytes] = mapped_column(LargeBinary)


class Recipient(Model):
    """A number on a list; `phone` is E.164 without the plus sign, `fields` the merge values."""

    __tablename__ = "recipient"
    __table_args__ = (
        UniqueConstraint("list_id", "phone"),
        CheckConstraint(f"phone BETWEEN 1 AND {HIGHEST_PHONE}", name="phone_is_e164"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        CheckConstraint("status IN ('subscribed', 'unsubscribed', 'invalid')", name="status_known"),
        CheckConstraint(
            "(status = 'unsubscribed') = (unsubscribed_at IS NOT NULL)", name="unsubscribed_has_time"
        ),
        Index("ix_recipient_chunk_id", "chunk_id"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int]
    list_id: Mapped[int]
    chunk_id: Mapped[int]
    phone: Mapped[int]
    country: Mapped[str]
    fields: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(server_default=text("'subscribed'"))
    unsubscribed_at: Mapped[datetime | None]
    unsubscribed_by: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def e164(self) -> str:
        return f"+{self.phone}"


class DoNotContact(Model):
    """A number that nobody on the platform may write to, whatever list it is on."""

    __tablename__ = "do_not_contact"
    __table_args__ = (CheckConstraint(f"phone BETWEEN 1 AND {HIGHEST_PHONE}", name="phone_is_e164"),)

    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"), primary_key=True, autoincrement=False)
    phone: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str]
    added_by: Mapped[str]
    created_at: Mapped[datetime]

    @property
    def e164(self) -> str:
        return f"+{self.phone}"


class DoNotContactVersion(Model):
    """Raised by a trigger with every change of a platform's do-not-contact list."""

    __tablename__ = "do_not_contact_version"

    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"), primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default=text("0"))


class ErasedNumber(Model):
    """What stays of an erased person: a keyed hash, so that an import does not bring them back."""

    __tablename__ = "erased_number"

    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"), primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    erased_by: Mapped[str]
    erased_at: Mapped[datetime]


class ConsentEvent(Model):
    """Who let a person be written to, or stopped it, when and why. `list_id` empty: the whole platform."""

    __tablename__ = "consent_event"
    __table_args__ = (
        ForeignKeyConstraint(["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]),
        CheckConstraint(
            "event IN ('unsubscribed', 'resubscribed', 'do_not_contact', 'contact_allowed')",
            name="event_known",
        ),
        Index("ix_consent_event_platform_id_phone", "platform_id", "phone"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    list_id: Mapped[int | None]
    phone: Mapped[int]
    event: Mapped[str]
    reason: Mapped[str]
    by_name: Mapped[str]
    at: Mapped[datetime]


class Import(Model):
    """One file on its way into a list, or onto the do-not-contact list.

    `file_digest` (SHA-256) is kept where the file is not: it tells that a command came again with the same.
    """

    __tablename__ = "import"
    __table_args__ = (
        ForeignKeyConstraint(["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]),
        CheckConstraint("purpose IN ('recipients', 'do_not_contact')", name="purpose_known"),
        CheckConstraint("(purpose = 'recipients') = (list_id IS NOT NULL)", name="recipients_have_a_list"),
        CheckConstraint(
            "status IN ('uploaded', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled')",
            name="status_known",
        ),
        CheckConstraint("format IN ('csv', 'xlsx')", name="format_known"),
        CheckConstraint("country IS NULL OR country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        CheckConstraint(
            "least(file_bytes, position, position_total, rows_read, batches, added, updated, unchanged,"
            " duplicates, refused) >= 0",
            name="counts_not_negative",
        ),
        Index("ix_import_platform_id_id", "platform_id", "id"),
        Index("ix_import_list_id_id", "list_id", "id"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    purpose: Mapped[str]
    list_id: Mapped[int | None]
    status: Mapped[str]
    file_name: Mapped[str]
    file_bytes: Mapped[int]
    file_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    format: Mapped[str]
    layout: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))
    mapping: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    country: Mapped[str | None]
    reason: Mapped[str | None]
    forecast: Mapped[dict[str, int] | None] = mapped_column(JSONB)
    position: Mapped[int] = mapped_column(server_default=text("0"))
    position_total: Mapped[int] = mapped_column(server_default=text("0"))
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    batches: Mapped[int] = mapped_column(server_default=text("0"))
    added: Mapped[int] = mapped_column(server_default=text("0"))
    updated: Mapped[int] = mapped_column(server_default=text("0"))
    unchanged: Mapped[int] = mapped_column(server_default=text("0"))
    duplicates: Mapped[int] = mapped_column(server_default=text("0"))
    refused: Mapped[int] = mapped_column(server_default=text("0"))
    failure: Mapped[str | None]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    by_name: Mapped[str]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ImportPart(Model):
    """A piece of an uploaded file. In the database, so that a worker on another machine can read it."""

    __tablename__ = "import_part"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("import.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportRefusal(Model):
    """A row of a file that was not taken, with its cells and the reason."""

    __tablename__ = "import_refusal"
    __table_args__ = (Index("ix_import_refusal_phone", "phone", postgresql_where=text("phone IS NOT NULL")),)

    import_id: Mapped[int] = mapped_column(
        ForeignKey("import.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str]
    phone: Mapped[int | None]
    cells: Mapped[list[str]] = mapped_column(JSONB)
