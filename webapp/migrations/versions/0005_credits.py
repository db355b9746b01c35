"""Tables of credits: the pool, list balances, lots, holds, the append-only ledger, charges and roll-ups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005_credits"
down_revision = "0004_audience"
branch_labels = None
depends_on = None

PARTS_WITHIN_CREDITS = (
    "credits BETWEEN 1 AND 9007199254740991 AND captured >= 0 AND released >= 0"
    " AND captured + released <= credits"
)
ACCOUNTS = ("unassigned", "list", "hold", "purchased", "granted", "spent", "expired", "adjusted")

APPEND_ONLY = (
    "ledger_transaction",
    "ledger_entry",
    "lot_line",
    "lot_renewal",
    "access_change",
    "charge",
    "ledger_block",
)
KEPT_FOREVER = ("lot", "hold", "hold_demand", "hold_slice", "list_balance", "credit_pool")

# Rows whose balance changes often get room on their page, so that an update stays there (HOT).
FILLFACTOR_PERCENT = {
    "credit_pool": 20,
    "lot": 30,
    "hold": 50,
    "hold_demand": 50,
    "hold_slice": 50,
    "list_balance": 50,
    "usage_day": 50,
}

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the ledger only grows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
END $$
"""

KEEP_LOT_ORIGIN = """
CREATE TRIGGER keep_origin BEFORE UPDATE ON lot FOR EACH ROW
WHEN ((OLD.id, OLD.platform_id, OLD.kind, OLD.credits, OLD.created_at, OLD.first_expires_on)
      IS DISTINCT FROM (NEW.id, NEW.platform_id, NEW.kind, NEW.credits, NEW.created_at, NEW.first_expires_on)
      OR NEW.expires_on < OLD.expires_on)
EXECUTE FUNCTION refuse_change()
"""

KEEP_HOLD_ORIGIN = """
CREATE TRIGGER keep_origin BEFORE UPDATE ON hold FOR EACH ROW
WHEN ((OLD.id, OLD.platform_id, OLD.credits, OLD.send_at, OLD.subject_kind, OLD.subject_id, OLD.placed_at)
      IS DISTINCT FROM
      (NEW.id, NEW.platform_id, NEW.credits, NEW.send_at, NEW.subject_kind, NEW.subject_id, NEW.placed_at)
      OR NEW.captured < OLD.captured OR NEW.released < OLD.released)
EXECUTE FUNCTION refuse_change()
"""

# One comparison a statement, where three foreign keys a message would be three look-ups each. The entries are
# a subquery of each group, which leaves the planner no other way than a look-up.
CHARGES_MATCH_ENTRIES = """
CREATE FUNCTION charges_match_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT platform_id, transaction_id, coalesce(list_id, 0) AS list_key,
                            sum(credits) AS credits
                     FROM fresh GROUP BY 1, 2, 3) AS charged
        WHERE charged.credits IS DISTINCT FROM (
            SELECT sum(entry.credits) FROM ledger_entry AS entry
            WHERE entry.transaction_id = charged.transaction_id AND entry.platform_id = charged.platform_id
              AND entry.source = 'hold' AND entry.target = 'spent'
              AND coalesce(entry.list_id, 0) = charged.list_key)) THEN
        RAISE EXCEPTION 'charges differ from the entries of their transaction'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_charge_matches_entries', TABLE = 'charge';
    END IF;
    RETURN NULL;
END $$
"""

OPEN_POOL = """
CREATE FUNCTION open_credit_pool() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO credit_pool (platform_id) VALUES (NEW.id);
    RETURN NULL;
END $$
"""

DROP_LATER_CHECKPOINTS = """
CREATE FUNCTION drop_later_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM balance_checkpoint WHERE platform_id = NEW.platform_id AND at >= NEW.at;
    RETURN NULL;
END $$
"""


def create_credit_pool() -> None:
    op.create_table(
        "credit_pool",
        sa.Column("platform_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unassigned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("assigned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("received", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "moved_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("'2000-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "unassigned + assigned <= received AND received <= 9007199254740991",
            name=op.f("ck_credit_pool_within_received"),
        ),
        sa.CheckConstraint("unassigned >= 0 AND assigned >= 0", name=op.f("ck_credit_pool_not_negative")),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_credit_pool_platform_id_platform")
        ),
        sa.PrimaryKeyConstraint("platform_id", name=op.f("pk_credit_pool")),
    )


def create_lot() -> None:
    op.create_table(
        "lot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("credits_left", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), sa.Computed("credits_left > 0", persisted=True), nullable=False),
        sa.Column("first_expires_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind = 'grant' OR first_expires_on IS NOT NULL", name=op.f("ck_lot_purchases_expire")
        ),
        sa.CheckConstraint("kind IN ('purchase', 'grant')", name=op.f("ck_lot_kind_known")),
        sa.CheckConstraint(
            "(expires_on IS NULL) = (expires_at IS NULL)", name=op.f("ck_lot_instant_for_day")
        ),
        sa.CheckConstraint(
            "(expires_on IS NULL) = (first_expires_on IS NULL)",
            name=op.f("ck_lot_expiry_stays_or_stays_none"),
        ),
        sa.CheckConstraint("credits BETWEEN 1 AND 9007199254740991", name=op.f("ck_lot_credits_in_range")),
        sa.CheckConstraint("credits_left BETWEEN 0 AND credits", name=op.f("ck_lot_left_within_credits")),
        sa.CheckConstraint("expires_on >= first_expires_on", name=op.f("ck_lot_never_shortened")),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["credit_pool.platform_id"], name=op.f("fk_lot_platform_id_credit_pool")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_lot_platform_id_id")),
    )
    op.create_index(
        "ix_lot_due",
        "lot",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("open AND expires_at IS NOT NULL"),
    )
    op.create_index("ix_lot_open", "lot", ["platform_id"], unique=False, postgresql_where=sa.text("open"))


def create_list_balance() -> None:
    op.create_table(
        "list_balance",
        sa.Column("platform_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.Column("assigned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "assigned >= 0 AND (limited OR assigned = 0)",
            name=op.f("ck_list_balance_only_limited_lists_have_credits"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_list_balance_platform_id_list_id_recipient_list"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["credit_pool.platform_id"], name=op.f("fk_list_balance_platform_id_credit_pool")
        ),
        sa.PrimaryKeyConstraint("platform_id", "list_id", name=op.f("pk_list_balance")),
    )


def create_hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("released", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "open", sa.Boolean(), sa.Computed("captured + released < credits", persisted=True), nullable=False
        ),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            PARTS_WITHIN_CREDITS,
            name=op.f("ck_hold_parts_within_credits"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["credit_pool.platform_id"], name=op.f("fk_hold_platform_id_credit_pool")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_hold_platform_id_id")),
    )
    op.create_index("ix_hold_open", "hold", ["platform_id"], unique=False, postgresql_where=sa.text("open"))
    op.create_index("ix_hold_send_at", "hold", ["send_at"], unique=False, postgresql_where=sa.text("open"))
    op.create_index("ix_hold_subject", "hold", ["platform_id", "subject_kind", "subject_id"], unique=False)


def create_hold_demand() -> None:
    op.create_table(
        "hold_demand",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("released", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "funding IN ('assigned', 'unassigned')", name=op.f("ck_hold_demand_funding_known")
        ),
        sa.CheckConstraint(
            PARTS_WITHIN_CREDITS,
            name=op.f("ck_hold_demand_parts_within_credits"),
        ),
        sa.CheckConstraint("list_key = coalesce(list_id, 0)", name=op.f("ck_hold_demand_key_of_list")),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_hold_demand_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_hold_demand_platform_id_list_id_recipient_list"),
        ),
        sa.PrimaryKeyConstraint("hold_id", "list_key", name=op.f("pk_hold_demand")),
    )


def create_hold_slice() -> None:
    op.create_table(
        "hold_slice",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("released", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            PARTS_WITHIN_CREDITS,
            name=op.f("ck_hold_slice_parts_within_credits"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_hold_slice_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "lot_id"],
            ["lot.platform_id", "lot.id"],
            name=op.f("fk_hold_slice_platform_id_lot_id_lot"),
        ),
        sa.PrimaryKeyConstraint("hold_id", "lot_id", name=op.f("pk_hold_slice")),
    )


def create_ledger_transaction() -> None:
    op.create_table(
        "ledger_transaction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("on_day", sa.Date(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("burn_order", sa.Text(), nullable=False),
        sa.Column("available_after", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("result", JSONB(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'capture') = (on_day IS NOT NULL)",
            name=op.f("ck_ledger_transaction_captures_have_a_day"),
        ),
        sa.CheckConstraint(
            "burn_order IN ('latest_expiry_first', 'earliest_expiry_first')",
            name=op.f("ck_ledger_transaction_burn_order_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('grant', 'purchase', 'assign', 'hold', 'capture', 'release', 'expire', 'adjust')",
            name=op.f("ck_ledger_transaction_kind_known"),
        ),
        sa.CheckConstraint(
            "kind NOT IN ('hold', 'capture', 'release') OR hold_id IS NOT NULL",
            name=op.f("ck_ledger_transaction_hold_named"),
        ),
        sa.CheckConstraint(
            "(key IS NULL) = (request IS NULL)", name=op.f("ck_ledger_transaction_request_of_key")
        ),
        sa.CheckConstraint(
            "(subject_kind IS NULL) = (subject_id IS NULL)", name=op.f("ck_ledger_transaction_whole_subject")
        ),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_ledger_transaction_key_length")),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_ledger_transaction_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"],
            ["credit_pool.platform_id"],
            name=op.f("fk_ledger_transaction_platform_id_credit_pool"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transaction")),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_ledger_transaction_platform_id_id")),
        sa.UniqueConstraint("platform_id", "key", name=op.f("uq_ledger_transaction_platform_id_key")),
    )
    op.create_index(
        "ix_ledger_transaction_at", "ledger_transaction", ["platform_id", "at", "id"], unique=False
    )
    op.create_index(
        "ix_ledger_transaction_rare",
        "ledger_transaction",
        ["platform_id", "kind", "at", "id"],
        unique=False,
        postgresql_where=sa.text("kind NOT IN ('hold', 'capture', 'release')"),
    )
    op.create_index(
        "ix_ledger_transaction_subject",
        "ledger_transaction",
        ["platform_id", "subject_kind", "subject_id"],
        unique=False,
        postgresql_where=sa.text("subject_id IS NOT NULL"),
    )


def create_ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "'list' NOT IN (source, target) OR list_id IS NOT NULL", name=op.f("ck_ledger_entry_list_named")
        ),
        sa.CheckConstraint(
            "('hold' IN (source, target)) = (hold_id IS NOT NULL)", name=op.f("ck_ledger_entry_hold_named")
        ),
        sa.CheckConstraint(
            f"source IN {ACCOUNTS}",
            name=op.f("ck_ledger_entry_source_known"),
        ),
        sa.CheckConstraint(
            f"target IN {ACCOUNTS}",
            name=op.f("ck_ledger_entry_target_known"),
        ),
        sa.CheckConstraint(
            "credits BETWEEN 1 AND 9007199254740991", name=op.f("ck_ledger_entry_credits_in_range")
        ),
        sa.CheckConstraint("source <> target", name=op.f("ck_ledger_entry_moves")),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_ledger_entry_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_ledger_entry_platform_id_list_id_recipient_list"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "transaction_id"],
            ["ledger_transaction.platform_id", "ledger_transaction.id"],
            name=op.f("fk_ledger_entry_platform_id_transaction_id_ledger_transaction"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", "position", name=op.f("pk_ledger_entry")),
    )
    op.create_index(
        "ix_ledger_entry_of_list",
        "ledger_entry",
        ["list_id", "transaction_id"],
        unique=False,
        postgresql_where=sa.text("list_id IS NOT NULL"),
    )


def create_lot_line() -> None:
    op.create_table(
        "lot_line",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "('held' IN (source, target)) = (hold_id IS NOT NULL)", name=op.f("ck_lot_line_hold_named")
        ),
        sa.CheckConstraint("source <> target AND target <> 'origin'", name=op.f("ck_lot_line_moves")),
        sa.CheckConstraint(
            "source IN ('origin', 'left', 'held', 'captured', 'expired', 'adjusted')",
            name=op.f("ck_lot_line_source_known"),
        ),
        sa.CheckConstraint(
            "target IN ('origin', 'left', 'held', 'captured', 'expired', 'adjusted')",
            name=op.f("ck_lot_line_target_known"),
        ),
        sa.CheckConstraint(
            "credits BETWEEN 1 AND 9007199254740991", name=op.f("ck_lot_line_credits_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_lot_line_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "lot_id"],
            ["lot.platform_id", "lot.id"],
            name=op.f("fk_lot_line_platform_id_lot_id_lot"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "transaction_id"],
            ["ledger_transaction.platform_id", "ledger_transaction.id"],
            name=op.f("fk_lot_line_platform_id_transaction_id_ledger_transaction"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", "position", name=op.f("pk_lot_line")),
    )


def create_lot_renewal() -> None:
    op.create_table(
        "lot_renewal",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_on_before", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.CheckConstraint("expires_on > expires_on_before", name=op.f("ck_lot_renewal_never_shortened")),
        sa.ForeignKeyConstraint(
            ["platform_id", "lot_id"],
            ["lot.platform_id", "lot.id"],
            name=op.f("fk_lot_renewal_platform_id_lot_id_lot"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "transaction_id"],
            ["ledger_transaction.platform_id", "ledger_transaction.id"],
            name=op.f("fk_lot_renewal_platform_id_transaction_id_ledger_transaction"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", "lot_id", name=op.f("pk_lot_renewal")),
    )
    op.create_index("ix_lot_renewal_lot", "lot_renewal", ["lot_id", "transaction_id"], unique=False)


def create_access_change() -> None:
    op.create_table(
        "access_change",
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_access_change_platform_id_list_id_recipient_list"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "transaction_id"],
            ["ledger_transaction.platform_id", "ledger_transaction.id"],
            name=op.f("fk_access_change_platform_id_transaction_id_ledger_transaction"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", "list_id", name=op.f("pk_access_change")),
    )


def create_charge() -> None:
    op.create_table(
        "charge",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("credits_per_segment", sa.BigInteger(), nullable=False),
        sa.Column(
            "credits",
            sa.BigInteger(),
            sa.Computed("segments * credits_per_segment", persisted=True),
            nullable=False,
        ),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("plugin_version", sa.Text(), nullable=False),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_charge_country_is_iso")),
        sa.CheckConstraint(
            "segments >= 1 AND credits_per_segment >= 1", name=op.f("ck_charge_something_charged")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_charge")),
    )
    op.create_index("ix_charge_transaction", "charge", ["transaction_id"], unique=False)


def create_usage_day() -> None:
    op.create_table(
        "usage_day",
        sa.Column("platform_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("list_key = coalesce(list_id, 0)", name=op.f("ck_usage_day_key_of_list")),
        sa.CheckConstraint(
            "messages >= 1 AND segments >= 1 AND credits >= 1", name=op.f("ck_usage_day_something_used")
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_usage_day_platform_id_list_id_recipient_list"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["credit_pool.platform_id"], name=op.f("fk_usage_day_platform_id_credit_pool")
        ),
        sa.PrimaryKeyConstraint(
            "platform_id",
            "on_day",
            "subject_kind",
            "subject_id",
            "list_key",
            "country",
            name=op.f("pk_usage_day"),
        ),
    )


def create_ledger_block() -> None:
    op.create_table(
        "ledger_block",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.Column("until_id", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("late", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "octet_length(hash) = 32 AND octet_length(previous) = 32", name=op.f("ck_ledger_block_sha256")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_block")),
    )


def create_balance_checkpoint() -> None:
    op.create_table(
        "balance_checkpoint",
        sa.Column("platform_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["platform_id"],
            ["credit_pool.platform_id"],
            name=op.f("fk_balance_checkpoint_platform_id_credit_pool"),
        ),
        sa.PrimaryKeyConstraint("platform_id", "at", name=op.f("pk_balance_checkpoint")),
    )


TABLES = (
    create_credit_pool,
    create_lot,
    create_list_balance,
    create_hold,
    create_hold_demand,
    create_hold_slice,
    create_ledger_transaction,
    create_ledger_entry,
    create_lot_line,
    create_lot_renewal,
    create_access_change,
    create_charge,
    create_usage_day,
    create_ledger_block,
    create_balance_checkpoint,
)


def upgrade() -> None:
    for create in TABLES:
        create()
    for table, percent in FILLFACTOR_PERCENT.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
    refuse_changes()
    keep_charges_and_checkpoints_right()
    open_pools()


def refuse_changes() -> None:
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in KEPT_FOREVER:
        op.execute(
            f"CREATE TRIGGER kept_forever BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(KEEP_LOT_ORIGIN)
    op.execute(KEEP_HOLD_ORIGIN)


def keep_charges_and_checkpoints_right() -> None:
    op.execute(CHARGES_MATCH_ENTRIES)
    op.execute(
        "CREATE TRIGGER match_entries AFTER INSERT ON charge REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION charges_match_entries()"
    )
    op.execute(DROP_LATER_CHECKPOINTS)
    op.execute(
        "CREATE TRIGGER drop_later_checkpoints AFTER INSERT ON ledger_transaction FOR EACH ROW "
        "WHEN (NEW.at < greatest(NEW.written_at, NEW.recorded_at) - interval '10 minutes') "
        "EXECUTE FUNCTION drop_later_checkpoints()"
    )


def open_pools() -> None:
    op.execute(OPEN_POOL)
    op.execute(
        "CREATE TRIGGER open_credit_pool AFTER INSERT ON platform "
        "FOR EACH ROW EXECUTE FUNCTION open_credit_pool()"
    )
    op.execute("INSERT INTO credit_pool (platform_id) SELECT id FROM platform")


def downgrade() -> None:
    op.execute("DROP TRIGGER open_credit_pool ON platform")
    for create in reversed(TABLES):
        op.drop_table(create.__name__.removeprefix("create_"))
    for function in (
        "open_credit_pool",
        "drop_later_checkpoints",
        "charges_match_entries",
        "refuse_change",
    ):
        op.execute(f"DROP FUNCTION {function}()")
