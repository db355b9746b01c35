"""Tables of shop."""

revision = "0006_shop"
down_revision = "0005_credits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
