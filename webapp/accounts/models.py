"""Platforms, the people who sign in to them, and their sign-ins."""

from datetime import datetime

from babel.core import get_global
from flask_security import RoleMixin, UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Identifier, Model, one_of

CURRENCIES = ("EUR", "USD")
LANGUAGES = ("en", "it")
BURN_ORDERS = ("latest_expiry_first", "earliest_expiry_first")
ROLES = ("operator", "admin", "marketer", "viewer")
PLATFORM_ROLES = ROLES[1:]


class Platform(Model):
    """One customer of the installation: its own people, lists and credits."""

    __tablename__ = "platform"
    __table_args__ = (
        CheckConstraint("btrim(name) <> ''", name="name_given"),
        CheckConstraint("time_zone <> ''", name="time_zone_given"),
        CheckConstraint(one_of("currency", CURRENCIES), name="currency_known"),
        CheckConstraint(one_of("language", LANGUAGES), name="language_known"),
        CheckConstraint(one_of("burn_order", BURN_ORDERS), name="burn_order_known"),
        Index("uq_platform_name", func.lower(text("name")), unique=True),  # no two that differ in case only
    )

    id: Mapped[Identifier]
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="Europe/Rome", server_default="Europe/Rome")
    currency: Mapped[str] = mapped_column(default="EUR", server_default="EUR")
    language: Mapped[str] = mapped_column(default="en", server_default="en")
    burn_order: Mapped[str] = mapped_column(default=BURN_ORDERS[0], server_default=BURN_ORDERS[0])
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def country(self) -> str | None:
        """The ISO country in which its time zone lies, as a guess at whom it writes to."""
        return get_global("zone_territories").get(self.time_zone)


class Role(RoleMixin):
    """What Flask-Security wants a role to be; ours is one word in the person's row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.permissions = None


class User(UserMixin, Model):
    """A person who may sign in: an operator of the installation, or somebody of one platform.

    Someone invited has no password yet. Someone removed keeps a row with the name, for the history
    of what they did, and loses address and password; the address may then be invited again.
    """

    __tablename__ = "user"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        CheckConstraint(one_of("role", ROLES), name="role_known"),
        CheckConstraint("(role = 'operator') = (platform_id IS NULL)", name="operator_without_platform"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("btrim(name) <> ''", name="name_given"),
        CheckConstraint("(email IS NULL) = (removed_at IS NOT NULL)", name="email_until_removed"),
        CheckConstraint("removed_at IS NULL OR (NOT active AND password IS NULL)", name="removed_is_out"),
        CheckConstraint(f"language IS NULL OR {one_of('language', LANGUAGES)}", name="language_known"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int | None] = mapped_column(ForeignKey("platform.id"))
    email: Mapped[str | None] = mapped_column(unique=True)  # type: ignore[assignment]
    name: Mapped[str]
    role: Mapped[str]
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signed_in_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    platform: Mapped[Platform | None] = relationship(lazy="joined")

    @property
    def roles(self) -> list[RoleMixin]:  # type: ignore[override]
        return [Role(self.role)]

    @property
    def pending(self) -> bool:
        """Invited, and not yet here: the invitation still waits for a password."""
        return self.password is None and self.removed_at is None


class SignIn(Model):
    """One session of one person, from signing in until it is ended, left idle or too old."""

    __tablename__ = "sign_in"
    __table_args__ = (Index(None, "user_id"), Index(None, "seen_at"))

    id: Mapped[Identifier]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
