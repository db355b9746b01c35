"""Tables of accounts."""

revision = "0002_accounts"
down_revision = "0001_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
