"""Tables of audience."""

revision = "0004_audience"
down_revision = "0003_pricing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
