"""What is sold and what was ordered: packages, their terms, orders, and the seller's own particulars.

Terms are only ever added, so an order keeps the price it was made at by pointing at them (R3). What the
database refuses by itself is in the migration: terms and finished orders never change, an order's terms
and currency never do, and a paid order has exactly one transaction of the ledger.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.credits.expiry import MOST_MONTHS, last_usable_day
from webapp.credits.quantities import MOST_CREDITS
from webapp.db import Identifier, Model
from webapp.shop.offers import CURRENCIES
from webapp.shop.references import creditor_reference

MOST_MINOR = 10**12

_PAID = (
    "paid_at, paid_by_name, payment_reference, receipt_number, ledger_transaction_id, expires_on, billed_by"
)


class Package(Model):
    """Something on sale. It is retired, never deleted; its size and prices stand in its newest terms."""

    __tablename__ = "package"
    __table_args__ = (
        CheckConstraint("(retired_at IS NULL) = (retired_by_name IS NULL)", name="retired_by_somebody"),
    )

    id: Mapped[Identifier]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    retired_by_id: Mapped[int | None]
    retired_by_name: Mapped[str | None]


class PackageTerms(Model):
    """The size, validity and prices of a package from one change to the next; append-only."""

    __tablename__ = "package_terms"
    __table_args__ = (
        CheckConstraint(f"credits BETWEEN 1 AND {MOST_CREDITS}", name="credits"),
        CheckConstraint(f"validity_months BETWEEN 1 AND {MOST_MONTHS}", name="validity_months"),
        CheckConstraint(f"price_usd_minor BETWEEN 1 AND {MOST_MINOR}", name="price_usd"),
        CheckConstraint(f"price_eur_minor BETWEEN 1 AND {MOST_MINOR}", name="price_eur"),
        Index("ix_package_terms_newest", "package_id", "id"),
    )

    id: Mapped[Identifier]
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    credits: Mapped[int]
    validity_months: Mapped[int]
    price_usd_minor: Mapped[int]
    price_eur_minor: Mapped[int]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    created_by_name: Mapped[str]

    def price_minor(self, currency: str) -> int:
        """The price in minor units of USD or EUR. Raises `KeyError` for another currency."""
        return {"USD": self.price_usd_minor, "EUR": self.price_eur_minor}[currency]


class Order(Model):
    """A package ordered by a platform: pending, then paid or cancelled (R4)."""

    __tablename__ = "order"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'paid', 'cancelled')", name="status"),
        CheckConstraint(f"currency IN {CURRENCIES}", name="currency"),
        CheckConstraint(
            f"num_nonnulls({_PAID}) = CASE status WHEN 'paid' THEN 7 ELSE 0 END", name="paid_whole"
        ),
        CheckConstraint(
            "num_nonnulls(cancelled_at, cancelled_by_name) = CASE status WHEN 'cancelled' THEN 2 ELSE 0 END",
            name="cancelled_whole",
        ),
        UniqueConstraint("platform_id", "key"),
        Index("ix_order_of_platform", "platform_id", "id"),
        Index("ix_order_waiting", "id", postgresql_where="status = 'pending'"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    terms_id: Mapped[int] = mapped_column(ForeignKey("package_terms.id"))
    currency: Mapped[str]
    provider: Mapped[str]
    key: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    created_by_name: Mapped[str]
    billed_to: Mapped[str]
    paid_at: Mapped[datetime | None]
    paid_by_id: Mapped[int | None]
    paid_by_name: Mapped[str | None]
    payment_reference: Mapped[str | None]
    receipt_number: Mapped[int | None] = mapped_column(unique=True)
    billed_by: Mapped[str | None]
    ledger_transaction_id: Mapped[int | None] = mapped_column(unique=True)
    expires_on: Mapped[date | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_by_id: Mapped[int | None]
    cancelled_by_name: Mapped[str | None]

    terms: Mapped[PackageTerms] = relationship(lazy="joined", innerjoin=True)

    @property
    def price_minor(self) -> int:
        """What it costs, in minor units of its currency, whatever the package costs by now."""
        return self.terms.price_minor(self.currency)

    @property
    def last_usable_on(self) -> date | None:
        """The last day on which its credits could be used when they were bought, in Italy."""
        return None if self.expires_on is None else last_usable_day(self.expires_on)

    @property
    def reference(self) -> str:
        """What the buyer writes on the transfer."""
        return creditor_reference(self.id)


class Seller(Model):
    """Who sells: the installation's own particulars, one row. Counts the receipts without a gap."""

    __tablename__ = "seller"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("last_receipt_number >= 0", name="receipts"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name_and_address: Mapped[str]
    bank_details_usd: Mapped[str]
    bank_details_eur: Mapped[str]
    last_receipt_number: Mapped[int]
    changed_at: Mapped[datetime | None]
    changed_by_id: Mapped[int | None]
    changed_by_name: Mapped[str | None]

    def bank_details(self, currency: str) -> str:
        """The account to pay into in this currency; empty while nobody has entered it."""
        return {"USD": self.bank_details_usd, "EUR": self.bank_details_eur}[currency]
