"""Tables of credits."""

revision = "0005_credits"
down_revision = "0004_audience"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
