"""Tables of audience: lists, recipients and their column chunks, suppression, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004_audience"
down_revision = "0003_pricing"
branch_labels = None
depends_on = None

BIG, INSTANT = sa.BigInteger, sa.DateTime(timezone=True)


def upgrade() -> None:
    create_lists()
    create_recipients()
    create_suppression()
    create_imports()
    for statement in STORAGE + VERSIONS + TRIGGERS:
        op.execute(statement)


def create_lists() -> None:
    op.create_table(
        "recipient_list",
        sa.Column("id", BIG, sa.Identity(), primary_key=True),
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fields", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("version", BIG, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("deleted_at", INSTANT),
        sa.UniqueConstraint("platform_id", "id"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
        sa.CheckConstraint("version >= 0", name="version_not_negative"),
    )
    op.create_index(
        "uq_recipient_list_name_in_use",
        "recipient_list",
        ["platform_id", sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def create_recipients() -> None:
    op.create_table(
        "recipient_chunk",
        sa.Column("id", BIG, sa.Identity(), primary_key=True),
        sa.Column("platform_id", BIG, nullable=False),
        sa.Column("list_id", BIG, nullable=False),
        sa.Column("recipients", BIG, nullable=False, server_default=sa.text("0")),
        sa.Column("dirty", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("keys", sa.LargeBinary, nullable=False, server_default=sa.text("''::bytea")),
        sa.Column("summary", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]
        ),
        sa.CheckConstraint("recipients >= 0", name="recipients_not_negative"),
    )
    op.create_index("ix_recipient_chunk_list_id_id", "recipient_chunk", ["list_id", "id"])
    op.create_table(
        "recipient_column",
        sa.Column(
            "chunk_id", BIG, sa.ForeignKey("recipient_chunk.id", ondelete="CASCADE"), primary_key=True,
            autoincrement=False,
        ),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )  # fmt: skip
    op.create_table(
        "recipient",
        sa.Column("id", BIG, sa.Identity(), primary_key=True),
        sa.Column("platform_id", BIG, nullable=False),
        sa.Column("list_id", BIG, nullable=False),
        sa.Column("chunk_id", BIG, nullable=False),
        sa.Column("phone", BIG, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("fields", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'subscribed'")),
        sa.Column("unsubscribed_at", INSTANT),
        sa.Column("unsubscribed_by", sa.Text),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.UniqueConstraint("list_id", "phone"),
        sa.CheckConstraint("phone BETWEEN 1 AND 999999999999999", name="phone_is_e164"),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        sa.CheckConstraint("status IN ('subscribed', 'unsubscribed', 'invalid')", name="status_known"),
        sa.CheckConstraint(
            "(status = 'unsubscribed') = (unsubscribed_at IS NOT NULL)", name="unsubscribed_has_time"
        ),
    )
    op.create_index("ix_recipient_chunk_id", "recipient", ["chunk_id"])


def create_suppression() -> None:
    op.create_table(
        "do_not_contact",
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), primary_key=True, autoincrement=False),
        sa.Column("phone", BIG, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("phone BETWEEN 1 AND 999999999999999", name="phone_is_e164"),
    )
    op.create_table(
        "do_not_contact_version",
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), primary_key=True, autoincrement=False),
        sa.Column("version", BIG, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "erased_number",
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("erased_by", sa.Text, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=False),
    )
    op.create_table(
        "consent_event",
        sa.Column("id", BIG, sa.Identity(), primary_key=True),
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), nullable=False),
        sa.Column("list_id", BIG),
        sa.Column("phone", BIG, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]
        ),
        sa.CheckConstraint(
            "event IN ('unsubscribed', 'resubscribed', 'do_not_contact', 'contact_allowed')",
            name="event_known",
        ),
    )
    op.create_index("ix_consent_event_platform_id_phone", "consent_event", ["platform_id", "phone"])


def create_imports() -> None:
    def count(name: str) -> sa.Column[int]:
        return sa.Column(name, BIG, nullable=False, server_default=sa.text("0"))

    op.create_table(
        "import",
        sa.Column("id", BIG, sa.Identity(), primary_key=True),
        sa.Column("platform_id", BIG, sa.ForeignKey("platform.id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("list_id", BIG),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("file_bytes", BIG, nullable=False),
        sa.Column("file_digest", sa.LargeBinary(), nullable=True),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("layout", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("mapping", JSONB, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("country", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("forecast", JSONB),
        count("position"), count("position_total"), count("rows_read"), count("batches"), count("added"),
        count("updated"), count("unchanged"), count("duplicates"), count("refused"),
        sa.Column("failure", sa.Text),
        sa.Column("by_id", BIG, sa.ForeignKey("user.id", ondelete="SET NULL")),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]
        ),
        sa.CheckConstraint("purpose IN ('recipients', 'do_not_contact')", name="purpose_known"),
        sa.CheckConstraint("(purpose = 'recipients') = (list_id IS NOT NULL)", name="recipients_have_a_list"),
        sa.CheckConstraint(
            "status IN ('uploaded', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled')",
            name="status_known",
        ),
        sa.CheckConstraint("format IN ('csv', 'xlsx')", name="format_known"),
        sa.CheckConstraint("country IS NULL OR country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        sa.CheckConstraint(
            "least(file_bytes, position, position_total, rows_read, batches, added, updated, unchanged,"
            " duplicates, refused) >= 0",
            name="counts_not_negative",
        ),
    )  # fmt: skip
    op.create_index("ix_import_platform_id_id", "import", ["platform_id", "id"])
    op.create_index("ix_import_list_id_id", "import", ["list_id", "id"])
    op.create_table(
        "import_part",
        sa.Column(
            "import_id", BIG, sa.ForeignKey("import.id", ondelete="CASCADE"), primary_key=True,
            autoincrement=False,
        ),
        sa.Column("number", BIG, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )  # fmt: skip
    op.create_table(
        "import_refusal",
        sa.Column(
            "import_id", BIG, sa.ForeignKey("import.id", ondelete="CASCADE"), primary_key=True,
            autoincrement=False,
        ),
        sa.Column("row", BIG, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("phone", BIG),
        sa.Column("cells", JSONB, nullable=False),
    )  # fmt: skip
    op.create_index(
        "ix_import_refusal_phone", "import_refusal", ["phone"],
        postgresql_where=sa.text("phone IS NOT NULL"),
    )  # fmt: skip


# Packed columns are read whole and are dense already: kept out of line, uncompressed.
STORAGE = (
    "ALTER TABLE recipient_chunk ALTER COLUMN keys SET STORAGE EXTERNAL",
    "ALTER TABLE recipient_column ALTER COLUMN packed SET STORAGE EXTERNAL",
    "ALTER TABLE import_part ALTER COLUMN data SET STORAGE EXTERNAL",
    "ALTER TABLE recipient SET (fillfactor = 90)",
)

# A version is never given twice, not even after a rollback: what was read at one version is cached by it.
VERSIONS = (
    "CREATE SEQUENCE audience_version",
    """
    CREATE FUNCTION recipient_list_fields_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.version := nextval('audience_version');
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER recipient_list_fields BEFORE UPDATE OF fields ON recipient_list FOR EACH ROW
    WHEN (OLD.fields IS DISTINCT FROM NEW.fields) EXECUTE FUNCTION recipient_list_fields_changed()
    """,
)

# One check per statement instead of two foreign keys per row: a million rows are imported at once.
TRIGGERS = (
    """
    CREATE FUNCTION recipient_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'DELETE' AND EXISTS (
            SELECT FROM (SELECT DISTINCT platform_id, list_id, chunk_id FROM changed) AS row_of
            WHERE NOT EXISTS (
                SELECT FROM recipient_chunk
                WHERE recipient_chunk.id = row_of.chunk_id
                  AND recipient_chunk.list_id = row_of.list_id
                  AND recipient_chunk.platform_id = row_of.platform_id
            )
        ) THEN
            RAISE EXCEPTION 'a recipient belongs to a chunk of its own list and platform'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        UPDATE recipient_list SET version = nextval('audience_version')
            WHERE id IN (SELECT DISTINCT list_id FROM changed);
        UPDATE recipient_chunk SET dirty = true
            WHERE NOT dirty AND id IN (SELECT DISTINCT chunk_id FROM changed);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER recipient_inserted AFTER INSERT ON recipient
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recipient_changed()
    """,
    """
    CREATE TRIGGER recipient_updated AFTER UPDATE ON recipient
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recipient_changed()
    """,
    """
    CREATE TRIGGER recipient_deleted AFTER DELETE ON recipient
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION recipient_changed()
    """,
    """
    CREATE FUNCTION recipient_stays_on_its_list() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a recipient stays in its chunk, on its list, with its number'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER recipient_stays BEFORE UPDATE ON recipient FOR EACH ROW
    WHEN ((OLD.platform_id, OLD.list_id, OLD.chunk_id, OLD.phone)
        IS DISTINCT FROM (NEW.platform_id, NEW.list_id, NEW.chunk_id, NEW.phone))
    EXECUTE FUNCTION recipient_stays_on_its_list()
    """,
    """
    CREATE FUNCTION recipient_chunk_is_empty() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM recipient WHERE chunk_id = OLD.id) THEN
            RAISE EXCEPTION 'a chunk with recipients cannot be deleted'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE TRIGGER recipient_chunk_deleted BEFORE DELETE ON recipient_chunk
    FOR EACH ROW EXECUTE FUNCTION recipient_chunk_is_empty()
    """,
    """
    CREATE FUNCTION recipient_list_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a list keeps its name for the reports: set deleted_at'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER recipient_list_deleted BEFORE DELETE ON recipient_list
    FOR EACH ROW EXECUTE FUNCTION recipient_list_is_kept()
    """,
    """
    CREATE FUNCTION do_not_contact_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO do_not_contact_version (platform_id, version)
        SELECT platform_id, nextval('audience_version')
        FROM (SELECT DISTINCT platform_id FROM changed) AS of_platform
        ON CONFLICT (platform_id) DO UPDATE SET version = excluded.version;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER do_not_contact_inserted AFTER INSERT ON do_not_contact
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION do_not_contact_changed()
    """,
    """
    CREATE TRIGGER do_not_contact_deleted AFTER DELETE ON do_not_contact
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION do_not_contact_changed()
    """,
)

TABLES = (
    "import_refusal", "import_part", "import", "consent_event", "erased_number", "do_not_contact_version",
    "do_not_contact",
    "recipient", "recipient_column", "recipient_chunk", "recipient_list",
)  # fmt: skip

FUNCTIONS = (
    "recipient_changed", "recipient_stays_on_its_list", "recipient_chunk_is_empty",
    "recipient_list_is_kept", "do_not_contact_changed", "recipient_list_fields_changed",
)  # fmt: skip


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DROP SEQUENCE audience_version")
