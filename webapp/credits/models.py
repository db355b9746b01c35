"""Tables of the ledger: two partitions of one total.

Lots own time (expiry), lists own amounts. Transactions with their entries and lot lines are the truth
and append-only; pool, list balances, lots and holds are the balances kept beside them. Triggers in
migration 0005 refuse UPDATE, DELETE and TRUNCATE where history is, and compare charges with entries.
"""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from webapp.credits.quantities import MOST_CREDITS
from webapp.db import Identifier, Model, one_of

PURCHASE, GRANT = "purchase", "grant"
ACCOUNTS = ("unassigned", "list", "hold", "purchased", "granted", "spent", "expired", "adjusted")
PLACES = ("origin", "left", "held", "captured", "expired", "adjusted")
KINDS = ("grant", "purchase", "assign", "hold", "capture", "release", "expire", "adjust")
BURN_ORDERS = ("latest_expiry_first", "earliest_expiry_first")


def of_platform(table: str, column: str) -> ForeignKeyConstraint:
    """A reference that cannot leave the platform."""
    return ForeignKeyConstraint(["platform_id", column], [f"{table}.platform_id", f"{table}.id"])


def parts_of_credits(most: str) -> CheckConstraint:
    return CheckConstraint(
        f"credits BETWEEN 1 AND {most} AND captured >= 0 AND released >= 0"
        " AND captured + released <= credits",
        name="parts_within_credits",
    )


class CreditPool(Model):
    """What a platform has now; the one row that its holds contend for, and the lock of its balances."""

    __tablename__ = "credit_pool"
    __table_args__ = (
        CheckConstraint("unassigned >= 0 AND assigned >= 0", name="not_negative"),
        CheckConstraint(
            f"unassigned + assigned <= received AND received <= {MOST_CREDITS}", name="within_received"
        ),
    )

    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"), primary_key=True, autoincrement=False)
    unassigned: Mapped[int] = mapped_column(server_default=text("0"))
    assigned: Mapped[int] = mapped_column(server_default=text("0"))
    received: Mapped[int] = mapped_column(server_default=text("0"))
    moved_at: Mapped[datetime] = mapped_column(server_default=text("'2000-01-01 00:00:00+00'"))
    # How often anything but a hold has moved it: a hold planned without the lock is for one turn only.
    turn: Mapped[int] = mapped_column(server_default=text("0"))


class ListBalance(Model):
    """A list's access and what is set aside for it; a list without a row is free."""

    __tablename__ = "list_balance"
    __table_args__ = (
        of_platform("recipient_list", "list_id"),
        CheckConstraint(
            "assigned >= 0 AND (limited OR assigned = 0)", name="only_limited_lists_have_credits"
        ),
    )

    platform_id: Mapped[int] = mapped_column(
        ForeignKey("credit_pool.platform_id"), primary_key=True, autoincrement=False
    )
    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    limited: Mapped[bool]
    assigned: Mapped[int] = mapped_column(server_default=text("0"))


class Lot(Model):
    """Credits that came in and expire together. `credits_left` is neither held, charged nor expired."""

    __tablename__ = "lot"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        CheckConstraint(one_of("kind", (PURCHASE, GRANT)), name="kind_known"),
        CheckConstraint(f"credits BETWEEN 1 AND {MOST_CREDITS}", name="credits_in_range"),
        CheckConstraint("credits_left BETWEEN 0 AND credits", name="left_within_credits"),
        CheckConstraint("(expires_on IS NULL) = (expires_at IS NULL)", name="instant_for_day"),
        CheckConstraint(
            "(expires_on IS NULL) = (first_expires_on IS NULL)", name="expiry_stays_or_stays_none"
        ),
        CheckConstraint("expires_on >= first_expires_on", name="never_shortened"),
        CheckConstraint("kind = 'grant' OR first_expires_on IS NOT NULL", name="purchases_expire"),
        Index("ix_lot_open", "platform_id", postgresql_where=text("open")),
        Index("ix_lot_due", "expires_at", postgresql_where=text("open AND expires_at IS NOT NULL")),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("credit_pool.platform_id"))
    kind: Mapped[str]
    credits: Mapped[int]
    credits_left: Mapped[int]
    open: Mapped[bool] = mapped_column(Computed("credits_left > 0", persisted=True))
    first_expires_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Hold(Model):
    """Credits set aside for messages of `send_at`; open until all of them are captured or released."""

    __tablename__ = "hold"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        parts_of_credits(str(MOST_CREDITS)),
        Index("ix_hold_open", "platform_id", postgresql_where=text("open")),
        Index("ix_hold_send_at", "send_at", postgresql_where=text("open")),
        Index("ix_hold_subject", "platform_id", "subject_kind", "subject_id"),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("credit_pool.platform_id"))
    credits: Mapped[int]
    captured: Mapped[int] = mapped_column(server_default=text("0"))
    released: Mapped[int] = mapped_column(server_default=text("0"))
    open: Mapped[bool] = mapped_column(Computed("captured + released < credits", persisted=True))
    send_at: Mapped[datetime]
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    label: Mapped[str]
    placed_at: Mapped[datetime]
    moved_at: Mapped[datetime]


class HoldDemand(Model):
    """What one list (`list_key` 0: no list) needs of a hold, and from where it was funded."""

    __tablename__ = "hold_demand"
    __table_args__ = (
        of_platform("hold", "hold_id"),
        of_platform("recipient_list", "list_id"),
        CheckConstraint("list_key = coalesce(list_id, 0)", name="key_of_list"),
        CheckConstraint("funding IN ('assigned', 'unassigned')", name="funding_known"),
        parts_of_credits(str(MOST_CREDITS)),
    )

    platform_id: Mapped[int]
    hold_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list_id: Mapped[int | None]
    position: Mapped[int]
    funding: Mapped[str]
    credits: Mapped[int]
    captured: Mapped[int] = mapped_column(server_default=text("0"))
    released: Mapped[int] = mapped_column(server_default=text("0"))


class HoldSlice(Model):
    """What a hold took from one lot."""

    __tablename__ = "hold_slice"
    __table_args__ = (
        of_platform("hold", "hold_id"),
        of_platform("lot", "lot_id"),
        parts_of_credits(str(MOST_CREDITS)),
    )

    platform_id: Mapped[int]
    hold_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lot_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    credits: Mapped[int]
    captured: Mapped[int] = mapped_column(server_default=text("0"))
    released: Mapped[int] = mapped_column(server_default=text("0"))


class LedgerTransaction(Model):
    """One movement: who, when, why, and the stored result under its key. Append-only.

    `at` is the instant from which it counts (an expiry counts from its day's midnight, however late
    it was recorded), `recorded_at` the instant the caller gave, `written_at` the database's own clock.
    `on_day` is a capture's day in the platform's time zone of that moment.
    """

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        UniqueConstraint("platform_id", "key"),
        of_platform("hold", "hold_id"),
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        CheckConstraint(one_of("burn_order", BURN_ORDERS), name="burn_order_known"),
        CheckConstraint("(key IS NULL) = (request IS NULL)", name="request_of_key"),
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        CheckConstraint("(subject_kind IS NULL) = (subject_id IS NULL)", name="whole_subject"),
        CheckConstraint("(kind = 'capture') = (on_day IS NOT NULL)", name="captures_have_a_day"),
        CheckConstraint(
            "kind NOT IN ('hold', 'capture', 'release') OR hold_id IS NOT NULL", name="hold_named"
        ),
        Index("ix_ledger_transaction_at", "platform_id", "at", "id"),
        Index(
            "ix_ledger_transaction_rare",
            "platform_id",
            "kind",
            "at",
            "id",
            postgresql_where=text("kind NOT IN ('hold', 'capture', 'release')"),
        ),
        Index(
            "ix_ledger_transaction_subject",
            "platform_id",
            "subject_kind",
            "subject_id",
            postgresql_where=text("subject_id IS NOT NULL"),
        ),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("credit_pool.platform_id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    on_day: Mapped[date | None]
    actor_id: Mapped[int | None]
    actor_name: Mapped[str]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[int | None]
    hold_id: Mapped[int | None]
    reason: Mapped[str | None]
    burn_order: Mapped[str]
    available_after: Mapped[int | None]
    key: Mapped[str | None]
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    result: Mapped[dict[str, object]] = mapped_column(JSONB)


class LedgerEntry(Model):
    """A positive amount between two accounts of a platform. Append-only.

    `list_id` says which list it is for: the account itself where a side is `list`, else whose demand.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        of_platform("ledger_transaction", "transaction_id"),
        of_platform("recipient_list", "list_id"),
        of_platform("hold", "hold_id"),
        CheckConstraint(one_of("source", ACCOUNTS), name="source_known"),
        CheckConstraint(one_of("target", ACCOUNTS), name="target_known"),
        CheckConstraint("source <> target", name="moves"),
        CheckConstraint(f"credits BETWEEN 1 AND {MOST_CREDITS}", name="credits_in_range"),
        CheckConstraint("'list' NOT IN (source, target) OR list_id IS NOT NULL", name="list_named"),
        CheckConstraint("('hold' IN (source, target)) = (hold_id IS NOT NULL)", name="hold_named"),
        Index(
            "ix_ledger_entry_of_list",
            "list_id",
            "transaction_id",
            postgresql_where=text("list_id IS NOT NULL"),
        ),
    )

    platform_id: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str]
    target: Mapped[str]
    credits: Mapped[int]
    list_id: Mapped[int | None]
    hold_id: Mapped[int | None]


class LotLine(Model):
    """Which lot gave or took in a transaction, from one state of its credits to another. Append-only."""

    __tablename__ = "lot_line"
    __table_args__ = (
        of_platform("ledger_transaction", "transaction_id"),
        of_platform("lot", "lot_id"),
        of_platform("hold", "hold_id"),
        CheckConstraint(one_of("source", PLACES), name="source_known"),
        CheckConstraint(one_of("target", PLACES), name="target_known"),
        CheckConstraint("source <> target AND target <> 'origin'", name="moves"),
        CheckConstraint(f"credits BETWEEN 1 AND {MOST_CREDITS}", name="credits_in_range"),
        CheckConstraint("('held' IN (source, target)) = (hold_id IS NOT NULL)", name="hold_named"),
    )

    platform_id: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lot_id: Mapped[int]
    source: Mapped[str]
    target: Mapped[str]
    credits: Mapped[int]
    hold_id: Mapped[int | None]


class LotRenewal(Model):
    """A lot's expiry day moved by a purchase (R6). Append-only."""

    __tablename__ = "lot_renewal"
    __table_args__ = (
        of_platform("ledger_transaction", "transaction_id"),
        of_platform("lot", "lot_id"),
        CheckConstraint("expires_on > expires_on_before", name="never_shortened"),
        Index("ix_lot_renewal_lot", "lot_id", "transaction_id"),
    )

    platform_id: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lot_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    expires_on_before: Mapped[date]
    expires_on: Mapped[date]


class AccessChange(Model):
    """A list became limited or free, which no entry tells when nothing is assigned. Append-only."""

    __tablename__ = "access_change"
    __table_args__ = (
        of_platform("ledger_transaction", "transaction_id"),
        of_platform("recipient_list", "list_id"),
    )

    platform_id: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    limited: Mapped[bool]


class Charge(Model):
    """One message charged, once ever: the key is the message. Append-only.

    A trigger compares every statement's rows with the entries of their transaction, list by list, which
    stands for the foreign keys that would cost a look-up per message.
    """

    __tablename__ = "charge"
    __table_args__ = (
        CheckConstraint("segments >= 1 AND credits_per_segment >= 1", name="something_charged"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        Index("ix_charge_transaction", "transaction_id"),
    )

    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    platform_id: Mapped[int]
    transaction_id: Mapped[int]
    list_id: Mapped[int | None]
    country: Mapped[str]
    segments: Mapped[int]
    credits_per_segment: Mapped[int]
    credits: Mapped[int] = mapped_column(Computed("segments * credits_per_segment", persisted=True))
    plugin: Mapped[str]
    plugin_version: Mapped[str]


class UsageDay(Model):
    """The roll-up that reports read: what was charged on a day, by list, subject and country.

    The day is the platform's own at the moment of the charge (R16). Rebuilt from charges at any time.
    """

    __tablename__ = "usage_day"
    __table_args__ = (
        of_platform("recipient_list", "list_id"),
        CheckConstraint("list_key = coalesce(list_id, 0)", name="key_of_list"),
        CheckConstraint("messages >= 1 AND segments >= 1 AND credits >= 1", name="something_used"),
    )

    platform_id: Mapped[int] = mapped_column(
        ForeignKey("credit_pool.platform_id"), primary_key=True, autoincrement=False
    )
    on_day: Mapped[date] = mapped_column(primary_key=True)
    subject_kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    country: Mapped[str] = mapped_column(primary_key=True)
    list_id: Mapped[int | None]
    messages: Mapped[int]
    segments: Mapped[int]
    credits: Mapped[int]


class LedgerBlock(Model):
    """Transactions sealed together by a hash over them and the block before. Append-only.

    It covers the ids after the last block's up to `until_id`, but those `missing`, which were not
    visible then, and besides the `late` ones, which an earlier block had missed.
    """

    __tablename__ = "ledger_block"
    __table_args__ = (
        CheckConstraint("octet_length(hash) = 32 AND octet_length(previous) = 32", name="sha256"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    from_id: Mapped[int]
    until_id: Mapped[int]
    missing: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    late: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    transactions: Mapped[int]
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]


class BalanceCheckpoint(Model):
    """A platform's balances at an instant, so that telling those of a later one replays little.

    Written from time to time, dropped when something is recorded with an earlier instant; any or all
    of them can be deleted without changing an answer.
    """

    __tablename__ = "balance_checkpoint"

    platform_id: Mapped[int] = mapped_column(
        ForeignKey("credit_pool.platform_id"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[dict[str, object]] = mapped_column(JSONB)
