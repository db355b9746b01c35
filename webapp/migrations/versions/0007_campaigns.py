"""Tables of campaigns."""

revision = "0007_campaigns"
down_revision = "0006_shop"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
