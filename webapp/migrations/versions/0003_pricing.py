"""Tables of pricing: plugins with their data, the operator's choices, and every pricing book."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003_pricing"
down_revision = "0002_accounts"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

BOOKS_STAY = """
CREATE FUNCTION pricing_book_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a pricing book is history: it is never changed or removed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    create_plugin()
    create_choice()
    create_book()


def create_plugin() -> None:
    op.create_table(
        "pricing_plugin",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("distribution", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("taken_over_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_pricing_plugin_name_given")),
        sa.CheckConstraint("jsonb_typeof(data) = 'object'", name=op.f("ck_pricing_plugin_data_is_object")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pricing_plugin")),
        sa.UniqueConstraint("name", name=op.f("uq_pricing_plugin_name")),
    )


def create_choice() -> None:
    op.create_table(
        "pricing_choice",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('rate', 'profile')", name=op.f("ck_pricing_choice_kind_known")),
        sa.CheckConstraint("country ~ '^([A-Z]{2}|[*]{2})$'", name=op.f("ck_pricing_choice_country_code")),
        sa.ForeignKeyConstraint(
            ["plugin"], ["pricing_plugin.name"], name=op.f("fk_pricing_choice_plugin_pricing_plugin")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pricing_choice")),
        sa.UniqueConstraint("kind", "country", name=op.f("uq_pricing_choice_kind_country")),
    )


def create_book() -> None:
    op.create_table(
        "pricing_book",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_pricing_book_digest_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pricing_book")),
    )
    op.execute(BOOKS_STAY)
    op.execute(
        "CREATE TRIGGER pricing_book_stays BEFORE UPDATE OR DELETE ON pricing_book "
        "FOR EACH ROW EXECUTE FUNCTION pricing_book_stays()"
    )
    op.execute(
        "CREATE TRIGGER pricing_book_is_not_emptied BEFORE TRUNCATE ON pricing_book "
        "FOR EACH STATEMENT EXECUTE FUNCTION pricing_book_stays()"
    )


def downgrade() -> None:
    op.drop_table("pricing_book")
    op.execute("DROP FUNCTION pricing_book_stays()")
    op.drop_table("pricing_choice")
    op.drop_table("pricing_plugin")
