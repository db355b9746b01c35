"""Tables of shop: packages, their terms, orders and the seller's particulars.

Besides the constraints, triggers keep what a row's own CHECK cannot: terms are append-only, an order never
changes what it was made for, and a finished order never changes at all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_shop"
down_revision = "0005_credits"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = (sa.BigInteger(), sa.Identity())

TERMS_STAY = """
CREATE FUNCTION package_terms_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the terms of a package are added to, never changed or removed'
        USING ERRCODE = 'restrict_violation', TABLE = 'package_terms';
END $$
"""

ORDER_STAYS = """
CREATE FUNCTION order_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'orders are kept for ever' USING ERRCODE = 'restrict_violation', TABLE = 'order';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'an order begins as pending'
                USING ERRCODE = 'restrict_violation', TABLE = 'order';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status <> 'pending' THEN
        RAISE EXCEPTION 'order % is %: it never changes again', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation', TABLE = 'order';
    END IF;
    IF (OLD.id, OLD.platform_id, OLD.terms_id, OLD.currency, OLD.provider, OLD.key, OLD.created_at,
        OLD.created_by_id, OLD.created_by_name, OLD.billed_to)
       IS DISTINCT FROM
       (NEW.id, NEW.platform_id, NEW.terms_id, NEW.currency, NEW.provider, NEW.key, NEW.created_at,
        NEW.created_by_id, NEW.created_by_name, NEW.billed_to) THEN
        RAISE EXCEPTION 'order % keeps what it was made for', OLD.id
            USING ERRCODE = 'restrict_violation', TABLE = 'order';
    END IF;
    RETURN NEW;
END $$
"""

TRIGGERS = (
    (
        "CREATE TRIGGER package_terms_stay BEFORE UPDATE OR DELETE ON package_terms "
        "FOR EACH ROW EXECUTE FUNCTION package_terms_stay()"
    ),
    (
        "CREATE TRIGGER package_terms_stay_all BEFORE TRUNCATE ON package_terms "
        "FOR EACH STATEMENT EXECUTE FUNCTION package_terms_stay()"
    ),
    (
        'CREATE TRIGGER order_stays BEFORE INSERT OR UPDATE OR DELETE ON "order" '
        "FOR EACH ROW EXECUTE FUNCTION order_stays()"
    ),
    (
        'CREATE TRIGGER order_stays_all BEFORE TRUNCATE ON "order" '
        "FOR EACH STATEMENT EXECUTE FUNCTION order_stays()"
    ),
)


def upgrade() -> None:
    create_package()
    create_package_terms()
    create_order()
    create_seller()
    for statement in (TERMS_STAY, ORDER_STAYS, *TRIGGERS):
        op.execute(statement)


def create_package() -> None:
    op.create_table(
        "package",
        sa.Column("id", *ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("retired_at", INSTANT),
        sa.Column("retired_by_id", sa.BigInteger()),
        sa.Column("retired_by_name", sa.Text()),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (retired_by_name IS NULL)", name=op.f("ck_package_retired_by_somebody")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
    )


def create_package_terms() -> None:
    op.create_table(
        "package_terms",
        sa.Column("id", *ID, nullable=False),
        sa.Column("package_id", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("validity_months", sa.BigInteger(), nullable=False),
        sa.Column("price_usd_minor", sa.BigInteger(), nullable=False),
        sa.Column("price_eur_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_id", sa.BigInteger()),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        sa.CheckConstraint("credits BETWEEN 1 AND 9007199254740991", name=op.f("ck_package_terms_credits")),
        sa.CheckConstraint(
            "validity_months BETWEEN 1 AND 1200", name=op.f("ck_package_terms_validity_months")
        ),
        sa.CheckConstraint(
            "price_usd_minor BETWEEN 1 AND 1000000000000", name=op.f("ck_package_terms_price_usd")
        ),
        sa.CheckConstraint(
            "price_eur_minor BETWEEN 1 AND 1000000000000", name=op.f("ck_package_terms_price_eur")
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("fk_package_terms_package_id_package")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_terms")),
    )
    op.create_index("ix_package_terms_newest", "package_terms", ["package_id", "id"])


def create_order() -> None:
    op.create_table(
        "order",
        sa.Column("id", *ID, nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("terms_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_id", sa.BigInteger()),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        sa.Column("billed_to", sa.Text(), nullable=False),
        sa.Column("paid_at", INSTANT),
        sa.Column("paid_by_id", sa.BigInteger()),
        sa.Column("paid_by_name", sa.Text()),
        sa.Column("payment_reference", sa.Text()),
        sa.Column("receipt_number", sa.BigInteger()),
        sa.Column("billed_by", sa.Text()),
        sa.Column("ledger_transaction_id", sa.BigInteger()),
        sa.Column("expires_on", sa.Date()),
        sa.Column("cancelled_at", INSTANT),
        sa.Column("cancelled_by_id", sa.BigInteger()),
        sa.Column("cancelled_by_name", sa.Text()),
        sa.CheckConstraint("status IN ('pending', 'paid', 'cancelled')", name=op.f("ck_order_status")),
        sa.CheckConstraint("currency IN ('USD', 'EUR')", name=op.f("ck_order_currency")),
        sa.CheckConstraint(
            "num_nonnulls(paid_at, paid_by_name, payment_reference, receipt_number, ledger_transaction_id, "
            "expires_on, billed_by) = CASE status WHEN 'paid' THEN 7 ELSE 0 END",
            name=op.f("ck_order_paid_whole"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(cancelled_at, cancelled_by_name) = CASE status WHEN 'cancelled' THEN 2 ELSE 0 END",
            name=op.f("ck_order_cancelled_whole"),
        ),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_order_platform_id_platform")),
        sa.ForeignKeyConstraint(
            ["terms_id"], ["package_terms.id"], name=op.f("fk_order_terms_id_package_terms")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order")),
        sa.UniqueConstraint("platform_id", "key", name=op.f("uq_order_platform_id_key")),
        sa.UniqueConstraint("receipt_number", name=op.f("uq_order_receipt_number")),
        sa.UniqueConstraint("ledger_transaction_id", name=op.f("uq_order_ledger_transaction_id")),
    )
    op.create_index("ix_order_of_platform", "order", ["platform_id", "id"])
    op.create_index("ix_order_waiting", "order", ["id"], postgresql_where=sa.text("status = 'pending'"))


def create_seller() -> None:
    op.create_table(
        "seller",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name_and_address", sa.Text(), nullable=False),
        sa.Column("bank_details_usd", sa.Text(), nullable=False),
        sa.Column("bank_details_eur", sa.Text(), nullable=False),
        sa.Column("last_receipt_number", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", INSTANT),
        sa.Column("changed_by_id", sa.BigInteger()),
        sa.Column("changed_by_name", sa.Text()),
        sa.CheckConstraint("id = 1", name=op.f("ck_seller_one_row")),
        sa.CheckConstraint("last_receipt_number >= 0", name=op.f("ck_seller_receipts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller")),
    )
    op.execute("INSERT INTO seller VALUES (1, '', '', '', 0)")


def downgrade() -> None:
    for table in ("seller", "order", "package_terms", "package"):
        op.drop_table(table)
    op.execute("DROP FUNCTION order_stays()")
    op.execute("DROP FUNCTION package_terms_stay()")
