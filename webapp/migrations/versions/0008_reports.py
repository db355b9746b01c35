"""Tables of reports."""

revision = "0008_reports"
down_revision = "0007_campaigns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
