"""Tables of campaigns: drafts and what was confirmed, messages and their tally, receipts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007_campaigns"
down_revision = "0006_shop"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = (sa.BigInteger(), sa.Identity())
STATUSES = (
    "'queued', 'submitting', 'sent', 'unknown', 'refused', 'unsubscribed', 'do_not_contact', 'erased', "
    "'cancelled', 'lapsed'"
)
STATE = "CASE WHEN status IN ('sent', 'unknown') THEN COALESCE(delivery, status) ELSE status END"

# One statement changes a batch of messages; this moves the tally by what the whole statement changed. Writers
# of one campaign are in line behind its row, so two of these never cross. (Not ON CONFLICT: a negative
# difference would fail the CHECK of the row it proposes before it is added to the one that is there.)
TALLY = """
CREATE FUNCTION tally_messages() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
BEGIN
    FOR moved IN
        SELECT rows.campaign_id, rows.country, rows.state, sum(rows.sign)::bigint AS messages,
               sum(rows.sign * rows.segments)::bigint AS segments,
               sum(rows.sign * rows.credits)::bigint AS credits
        FROM ({rows}) AS rows (campaign_id, country, state, segments, credits, sign)
        WHERE rows.campaign_id IS NOT NULL
        GROUP BY rows.campaign_id, rows.country, rows.state
        HAVING sum(rows.sign) <> 0 OR sum(rows.sign * rows.credits) <> 0
        ORDER BY rows.campaign_id, rows.country, rows.state
    LOOP
        UPDATE message_tally AS tally
        SET messages = tally.messages + moved.messages, segments = tally.segments + moved.segments,
            credits = tally.credits + moved.credits
        WHERE tally.campaign_id = moved.campaign_id AND tally.country = moved.country
          AND tally.state = moved.state;
        IF NOT FOUND THEN
            INSERT INTO message_tally (campaign_id, country, state, messages, segments, credits)
            VALUES (moved.campaign_id, moved.country, moved.state, moved.messages, moved.segments,
                    moved.credits);
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
ROWS = "SELECT campaign_id, country, state, segments, credits, {sign} FROM {table}"
ADDED = ROWS.format(sign=1, table="added")
REMOVED = ROWS.format(sign=-1, table="removed")
TALLIES = {
    "insert": (ADDED, "NEW TABLE AS added"),
    "delete": (REMOVED, "OLD TABLE AS removed"),
    "update": (f"{REMOVED} UNION ALL {ADDED}", "OLD TABLE AS removed NEW TABLE AS added"),
}


def upgrade() -> None:
    create_campaign()
    create_campaign_list()
    create_confirmation()
    create_campaign_rate()
    create_message()
    create_message_tally()
    create_receipt()
    for event, (rows, tables) in TALLIES.items():
        op.execute(TALLY.replace("tally_messages", f"tally_messages_on_{event}").format(rows=rows))
        op.execute(
            f"CREATE TRIGGER tally_on_{event} AFTER {event.upper()} ON message REFERENCING {tables} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION tally_messages_on_{event}()"
        )


def create_campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", *ID, nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("send_local", sa.Text(), server_default="", nullable=False),
        sa.Column("transliterate", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("saved_in_tab", sa.Text(), server_default="", nullable=False),
        sa.Column("saved_at", INSTANT, nullable=False),
        sa.Column("send_at", INSTANT),
        sa.Column("hold_id", sa.BigInteger()),
        sa.Column("quoted_credits", sa.BigInteger()),
        sa.Column("quoted", JSONB()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by_id", sa.BigInteger()),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        sa.Column("scheduled_at", INSTANT),
        sa.Column("scheduled_by_name", sa.Text()),
        sa.Column("started_at", INSTANT),
        sa.Column("cancelled_at", INSTANT),
        sa.Column("cancelled_by_name", sa.Text()),
        sa.Column("finished_at", INSTANT),
        sa.Column("gateway_failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gateway_trouble", sa.Text()),
        sa.Column("retry_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("platform_id", "id", name=op.f("uq_campaign_platform_id_id")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_campaign_hold_id")),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_campaign_platform_id_platform")
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_campaign_platform_id_hold_id_hold"),
        ),
        *checks(
            "campaign",
            status_known="status IN"
            " ('draft', 'confirming', 'scheduled', 'sending', 'paused', 'finished', 'cancelled')",
            name_length="char_length(name) <= 120",
            text_length="char_length(text) <= 10000",
            confirmed_whole="num_nonnulls(hold_id, send_at, scheduled_at, quoted_credits, quoted)"
            " = CASE WHEN status = 'draft' OR (status = 'confirming' AND hold_id IS NULL) THEN 0 ELSE 5 END",
            finished_when_over="finished_at IS NULL OR status IN ('finished', 'cancelled')",
            over_when_finished="status <> 'finished' OR finished_at IS NOT NULL",
            cancelled_at_an_instant="(status = 'cancelled') = (cancelled_at IS NOT NULL)",
            started_before_running="status NOT IN ('sending', 'paused') OR started_at IS NOT NULL",
            quoted_credits="quoted_credits > 0",
        ),
    )
    op.create_index("ix_campaign_of_platform", "campaign", ["platform_id", "id"])
    op.create_index(
        "ix_campaign_open",
        "campaign",
        ["send_at"],
        postgresql_where=sa.text("finished_at IS NULL AND status <> 'draft'"),
    )


def create_campaign_list() -> None:
    op.create_table(
        "campaign_list",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "list_id", name=op.f("pk_campaign_list")),
        sa.UniqueConstraint(
            "campaign_id",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_campaign_list_campaign_id_position"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "campaign_id"],
            ["campaign.platform_id", "campaign.id"],
            ondelete="CASCADE",
            name=op.f("fk_campaign_list_platform_id_campaign_id_campaign"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_campaign_list_platform_id_list_id_recipient_list"),
        ),
        *checks("campaign_list", position="position >= 1"),
    )


def create_confirmation() -> None:
    op.create_table(
        "confirmation",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("send_local", sa.Text()),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger()),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("withdrawn_by_name", sa.Text()),
        sa.Column("refusal", sa.Text()),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_confirmation")),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            ondelete="CASCADE",
            name=op.f("fk_confirmation_campaign_id_campaign"),
        ),
    )


def create_campaign_rate() -> None:
    op.create_table(
        "pinned_profile",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("profile", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pinned_profile")),
    )
    op.create_table(
        "campaign_rate",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("credits_per_segment", sa.BigInteger(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("plugin_version", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("profile_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "country", name=op.f("pk_campaign_rate")),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            ondelete="CASCADE",
            name=op.f("fk_campaign_rate_campaign_id_campaign"),
        ),
        sa.ForeignKeyConstraint(
            ["profile_key"], ["pinned_profile.key"], name=op.f("fk_campaign_rate_profile_key_pinned_profile")
        ),
        *checks("campaign_rate", credits_per_segment="credits_per_segment > 0"),
    )


def create_message() -> None:
    op.create_table(
        "message",
        sa.Column("id", *ID, nullable=False),
        sa.Column("platform_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger()),
        sa.Column("list_id", sa.BigInteger()),
        sa.Column("recipient_id", sa.BigInteger()),
        sa.Column("phone", sa.BigInteger()),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("merge", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("credits_per_segment", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("plugin_version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("delivery", sa.Text()),
        sa.Column("state", sa.Text(), sa.Computed(STATE, persisted=True), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("gateway_reference", sa.Text()),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_ends_at", INSTANT),
        sa.Column("handed_over_at", INSTANT),
        sa.Column("delivered_at", INSTANT),
        sa.Column("erased_at", INSTANT),
        sa.Column("text", sa.Text()),
        sa.Column("sender", sa.Text()),
        sa.Column("token", sa.Text()),
        sa.Column("key", sa.Text()),
        sa.Column("hold_id", sa.BigInteger()),
        sa.Column("profile_key", sa.Text()),
        sa.Column("created_at", INSTANT),
        sa.Column("created_by_name", sa.Text()),
        sa.Column("tested_campaign_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("campaign_id", "phone", name=op.f("uq_message_campaign_id_phone")),
        sa.ForeignKeyConstraint(
            ["platform_id", "campaign_id"],
            ["campaign.platform_id", "campaign.id"],
            name=op.f("fk_message_platform_id_campaign_id_campaign"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "list_id"],
            ["recipient_list.platform_id", "recipient_list.id"],
            name=op.f("fk_message_platform_id_list_id_recipient_list"),
        ),
        sa.ForeignKeyConstraint(
            ["platform_id", "hold_id"],
            ["hold.platform_id", "hold.id"],
            name=op.f("fk_message_platform_id_hold_id_hold"),
        ),
        sa.ForeignKeyConstraint(
            ["profile_key"], ["pinned_profile.key"], name=op.f("fk_message_profile_key_pinned_profile")
        ),
        sa.ForeignKeyConstraint(
            ["tested_campaign_id"],
            ["campaign.id"],
            ondelete="SET NULL",
            name=op.f("fk_message_tested_campaign_id_campaign"),
        ),
        *checks(
            "message",
            status_known=f"status IN ({STATUSES})",
            delivery_known="delivery IN ('delivered', 'failed')",
            costs_something="segments > 0 AND credits_per_segment > 0",
            credits="credits = segments * credits_per_segment",
            phone_until_erased="(phone IS NULL) = (erased_at IS NOT NULL)",
            phone_e164="phone BETWEEN 1 AND 999999999999999",
            country_iso="country ~ '^[A-Z]{2}$'",
            intent_has_a_lease="status <> 'submitting' OR lease_ends_at IS NOT NULL",
            single_or_of_a_campaign="num_nonnulls(text, sender, token, hold_id, profile_key, created_at, key)"
            " = CASE WHEN campaign_id IS NULL THEN 7 ELSE 0 END",
        ),
    )
    for name, columns, where in (
        ("ix_message_key", ["platform_id", "key"], "key IS NOT NULL"),
        ("ix_message_hold", ["hold_id"], "hold_id IS NOT NULL"),
    ):
        op.create_index(name, "message", columns, unique=True, postgresql_where=sa.text(where))
    op.create_index("ix_message_of_campaign", "message", ["campaign_id", "id"])
    op.create_index("ix_message_by_state", "message", ["campaign_id", "state", "id"])
    op.create_index("ix_message_by_country", "message", ["campaign_id", "country", "id"])
    for name, columns, where in (
        ("ix_message_single", ["platform_id", "phone"], "campaign_id IS NULL"),
        ("ix_message_single_open", ["id"], "campaign_id IS NULL AND status IN ('queued', 'submitting')"),
        ("ix_message_tests", ["tested_campaign_id"], "tested_campaign_id IS NOT NULL"),
    ):
        op.create_index(name, "message", columns, postgresql_where=sa.text(where))


def create_message_tally() -> None:
    op.create_table(
        "message_tally",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "country", "state", name=op.f("pk_message_tally")),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            ondelete="CASCADE",
            name=op.f("fk_message_tally_campaign_id_campaign"),
        ),
        *checks("message_tally", never_negative="messages >= 0 AND segments >= 0 AND credits >= 0"),
    )


def create_receipt() -> None:
    op.create_table(
        "receipt",
        sa.Column("id", *ID, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("message_id", "key", name=op.f("uq_receipt_message_id_key")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], ondelete="CASCADE", name=op.f("fk_receipt_message_id_message")
        ),
        *checks("receipt", status_known="status IN ('accepted', 'delivered', 'failed')"),
    )


def checks(table: str, **conditions: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(sql, name=op.f(f"ck_{table}_{name}")) for name, sql in conditions.items()]


def downgrade() -> None:
    for table in (
        "receipt",
        "message_tally",
        "message",
        "campaign_rate",
        "pinned_profile",
        "confirmation",
        "campaign_list",
        "campaign",
    ):
        op.drop_table(table)
    for event in TALLIES:
        op.execute(f"DROP FUNCTION tally_messages_on_{event}()")
