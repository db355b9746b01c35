"""Tables of accounts: platforms, people, their sign-ins, and the counts that throttle them."""

import sqlalchemy as sa
from alembic import op

revision = "0002_accounts"
down_revision = "0001_jobs"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = (sa.BigInteger(), sa.Identity())

KEEP_AN_ADMIN = """
CREATE FUNCTION keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.role = 'admin' AND OLD.active AND OLD.password IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.role = 'admin' AND NEW.active AND NEW.password IS NOT NULL
       AND NEW.platform_id = OLD.platform_id THEN
        RETURN NULL;
    END IF;
    -- Whoever else takes an admin away from this platform waits here, and then sees what was done.
    PERFORM 1 FROM platform WHERE id = OLD.platform_id FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (SELECT 1 FROM "user" WHERE platform_id = OLD.platform_id AND role = 'admin'
                             AND active AND password IS NOT NULL) THEN
        RAISE EXCEPTION 'platform % would be left without an admin', OLD.platform_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_user_an_admin_stays', TABLE = 'user';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    create_platform()
    create_user()
    create_sign_in()
    create_throttle()
    op.execute(KEEP_AN_ADMIN)
    op.execute(
        'CREATE TRIGGER keep_an_admin AFTER UPDATE OR DELETE ON "user" '
        "FOR EACH ROW EXECUTE FUNCTION keep_an_admin()"
    )


def create_platform() -> None:
    op.create_table(
        "platform",
        sa.Column("id", *ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="Europe/Rome", nullable=False),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("burn_order", sa.Text(), server_default="latest_expiry_first", nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_platform_name_given")),
        sa.CheckConstraint("time_zone <> ''", name=op.f("ck_platform_time_zone_given")),
        sa.CheckConstraint("currency IN ('EUR', 'USD')", name=op.f("ck_platform_currency_known")),
        sa.CheckConstraint("language IN ('en', 'it')", name=op.f("ck_platform_language_known")),
        sa.CheckConstraint(
            "burn_order IN ('latest_expiry_first', 'earliest_expiry_first')",
            name=op.f("ck_platform_burn_order_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
    )
    op.create_index("uq_platform_name", "platform", [sa.text("lower(name)")], unique=True)


def create_user() -> None:
    op.create_table(
        "user",
        sa.Column("id", *ID, nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("fs_uniquifier", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("signed_in_at", INSTANT, nullable=True),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "role IN ('operator', 'admin', 'marketer', 'viewer')", name=op.f("ck_user_role_known")
        ),
        sa.CheckConstraint(
            "(role = 'operator') = (platform_id IS NULL)", name=op.f("ck_user_operator_without_platform")
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_user_email_lower")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_user_name_given")),
        sa.CheckConstraint(
            "(email IS NULL) = (removed_at IS NOT NULL)", name=op.f("ck_user_email_until_removed")
        ),
        sa.CheckConstraint(
            "removed_at IS NULL OR (NOT active AND password IS NULL)", name=op.f("ck_user_removed_is_out")
        ),
        sa.CheckConstraint(
            "language IS NULL OR language IN ('en', 'it')", name=op.f("ck_user_language_known")
        ),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_user_platform_id_platform")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_user_platform_id_id")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
    )


def create_sign_in() -> None:
    op.create_table(
        "sign_in",
        sa.Column("id", *ID, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_sign_in_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_user_id"), "sign_in", ["user_id"])
    op.create_index(op.f("ix_sign_in_seen_at"), "sign_in", ["seen_at"])


def create_throttle() -> None:
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_throttle_expires_at"), "throttle", ["expires_at"])


def downgrade() -> None:
    for table in ("throttle", "sign_in", "user", "platform"):
        op.drop_table(table)
    op.execute("DROP FUNCTION keep_an_admin()")
