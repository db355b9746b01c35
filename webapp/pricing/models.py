"""What is kept of plugins: the data they handed over, what the operator settled, and every pricing book."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identifier, Instant, Model


class PricingPlugin(Model):
    """A plugin that is or was enabled, with the data of the version that was taken over.

    The data stays when the package goes: an enabled plugin keeps pricing until it is disabled.
    """

    __tablename__ = "pricing_plugin"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("name <> ''", name="name_given"),
        CheckConstraint("jsonb_typeof(data) = 'object'", name="data_is_object"),
    )

    id: Mapped[Identifier]
    name: Mapped[str]
    version: Mapped[str]
    distribution: Mapped[str]
    enabled: Mapped[bool]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    taken_over_at: Mapped[Instant] = mapped_column(server_default=func.now())


class PricingChoice(Model):
    """Which of several enabled plugins prices a country, or cuts its texts. Country `**` is the default."""

    __tablename__ = "pricing_choice"
    __table_args__ = (
        UniqueConstraint("kind", "country"),
        CheckConstraint("kind IN ('rate', 'profile')", name="kind_known"),
        CheckConstraint("country ~ '^([A-Z]{2}|[*]{2})$'", name="country_code"),
    )

    id: Mapped[Identifier]
    kind: Mapped[str]
    country: Mapped[str]
    plugin: Mapped[str] = mapped_column(ForeignKey("pricing_plugin.name"))


class StoredBook(Model):
    """A pricing book as it was compiled. Rows are only added; the newest is in force."""

    __tablename__ = "pricing_book"
    __table_args__ = (CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_sha256"),)

    id: Mapped[Identifier]
    digest: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
