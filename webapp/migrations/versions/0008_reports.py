"""Tables of reports: files made in the background, and their pieces."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008_reports"
down_revision = "0007_campaigns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False, server_default="xlsx"),
        sa.Column("scope", JSONB(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="waiting"),
        sa.Column("rows_done", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("rows_total", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delete_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_export_platform_id_platform")
        ),
        sa.ForeignKeyConstraint(
            ["by_id"], ["user.id"], name=op.f("fk_export_by_id_user"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_export_platform_id_id")),
        sa.CheckConstraint("kind IN ('usage', 'ledger')", name=op.f("ck_export_kind_known")),
        sa.CheckConstraint("format IN ('xlsx', 'csv')", name=op.f("ck_export_format_known")),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'ready', 'failed')", name=op.f("ck_export_status_known")
        ),
        sa.CheckConstraint(
            "rows_done >= 0 AND rows_total >= 0 AND file_bytes >= 0",
            name=op.f("ck_export_counts_not_negative"),
        ),
        sa.CheckConstraint(
            "(status IN ('ready', 'failed')) = (finished_at IS NOT NULL)",
            name=op.f("ck_export_finished_at_an_instant"),
        ),
    )
    op.create_index(op.f("ix_export_delete_at"), "export", ["delete_at"])
    op.create_table(
        "export_part",
        sa.Column("export_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("pk_export_part")),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name=op.f("fk_export_part_export_id_export"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("export_part")
    op.drop_table("export")
