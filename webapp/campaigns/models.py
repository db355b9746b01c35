"""Campaigns, what was pinned when they were confirmed, their messages, and what the gateway reported.

`Message.state` is the one word for a message: how the hand-off ended, or, once a receipt came for a message
that was handed over, what became of it. The database computes it, and keeps `message_tally` (messages,
segments and credits by country and state) in step by a statement trigger, so that a page never counts a
million rows. Whoever changes messages of a campaign first locks its row (`webapp/campaigns/locks.py`).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    false,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Identifier, Model, one_of

CAMPAIGN_STATUSES = ("draft", "confirming", "scheduled", "sending", "paused", "finished", "cancelled")
RUNNING = ("sending", "paused")
OPEN = ("queued", "submitting")
CHARGED = ("sent", "unknown")
NOT_SENT = ("refused", "unsubscribed", "do_not_contact", "erased", "cancelled", "lapsed")
MESSAGE_STATUSES = OPEN + CHARGED + NOT_SENT
DELIVERIES = ("delivered", "failed")
STATES = (*OPEN, *CHARGED, *DELIVERIES, *NOT_SENT)
CHARGED_STATES = (*CHARGED, *DELIVERIES)

HIGHEST_PHONE = 999_999_999_999_999  # E.164 allows 15 digits; kept without the plus sign
MOST_NAME_CHARACTERS = 120
MOST_TEXT_CHARACTERS = 10_000


STATE_SQL = f"CASE WHEN {one_of('status', CHARGED)} THEN COALESCE(delivery, status) ELSE status END"


class Campaign(Model):
    """A text for the people of some lists: a draft, then scheduled, sending or paused, then over.

    A draft holds no credits and keeps the time as it was typed (`send_local`, the platform's wall time;
    empty means now). A draft, or a scheduled campaign that gets another time, is `confirming` while a worker
    writes many messages (see `Confirmation`). From the confirmation on, `send_at`, `hold_id` and the `quoted`
    figures stand. A campaign that is over has `finished_at` once its hold is resolved to the last credit.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("platform_id", "id"),
        ForeignKeyConstraint(["platform_id", "hold_id"], ["hold.platform_id", "hold.id"]),
        CheckConstraint(one_of("status", CAMPAIGN_STATUSES), name="status_known"),
        CheckConstraint(f"char_length(name) <= {MOST_NAME_CHARACTERS}", name="name_length"),
        CheckConstraint(f"char_length(text) <= {MOST_TEXT_CHARACTERS}", name="text_length"),
        CheckConstraint(
            "num_nonnulls(hold_id, send_at, scheduled_at, quoted_credits, quoted)"
            " = CASE WHEN status = 'draft' OR (status = 'confirming' AND hold_id IS NULL) THEN 0 ELSE 5 END",
            name="confirmed_whole",
        ),
        CheckConstraint(
            "finished_at IS NULL OR status IN ('finished', 'cancelled')", name="finished_when_over"
        ),
        CheckConstraint("status <> 'finished' OR finished_at IS NOT NULL", name="over_when_finished"),
        CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at_an_instant"
        ),
        CheckConstraint(f"status NOT IN {RUNNING} OR started_at IS NOT NULL", name="started_before_running"),
        CheckConstraint("quoted_credits > 0", name="quoted_credits"),
        Index("ix_campaign_of_platform", "platform_id", "id"),
        Index(
            "ix_campaign_open",
            "send_at",
            postgresql_where=sql("finished_at IS NULL AND status <> 'draft'"),
        ),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id"))
    name: Mapped[str] = mapped_column(default="", server_default="")
    sender: Mapped[str] = mapped_column(default="", server_default="")
    text: Mapped[str] = mapped_column(default="", server_default="")
    send_local: Mapped[str] = mapped_column(default="", server_default="")
    transliterate: Mapped[bool] = mapped_column(default=False, server_default=false())
    status: Mapped[str] = mapped_column(default="draft", server_default="draft")
    token: Mapped[str]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    saved_in_tab: Mapped[str] = mapped_column(default="", server_default="")
    saved_at: Mapped[datetime]

    send_at: Mapped[datetime | None]
    hold_id: Mapped[int | None] = mapped_column(unique=True)
    quoted_credits: Mapped[int | None]
    quoted: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    created_by_name: Mapped[str]
    scheduled_at: Mapped[datetime | None]
    scheduled_by_name: Mapped[str | None]
    started_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_by_name: Mapped[str | None]
    finished_at: Mapped[datetime | None]

    gateway_failures: Mapped[int] = mapped_column(default=0, server_default="0")
    gateway_trouble: Mapped[str | None]
    retry_at: Mapped[datetime | None]

    lists: Mapped[list["CampaignList"]] = relationship(
        order_by="CampaignList.position", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def list_ids(self) -> tuple[int, ...]:
        """The chosen lists, in their order."""
        return tuple(chosen.list_id for chosen in self.lists)


class CampaignList(Model):
    """One chosen list of a campaign. The order decides who pays for a person in several lists (R14)."""

    __tablename__ = "campaign_list"
    __table_args__ = (
        UniqueConstraint("campaign_id", "position", deferrable=True, initially="DEFERRED"),
        ForeignKeyConstraint(
            ["platform_id", "campaign_id"], ["campaign.platform_id", "campaign.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]),
        CheckConstraint("position >= 1", name="position"),
    )

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[int]
    position: Mapped[int]


class Confirmation(Model):
    """What somebody confirmed and a worker is to carry out; with a `refusal`, why nothing came of it.

    `version` is the campaign's at that time. `send_local` is the new time of a scheduled campaign, None for a
    draft. In a table of its own, so that it can be withdrawn while the worker holds the campaign's row.
    """

    __tablename__ = "confirmation"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]
    fingerprint: Mapped[str]
    recipients: Mapped[int]
    send_local: Mapped[str | None]
    zone: Mapped[str]
    language: Mapped[str]
    by_id: Mapped[int | None]
    by_name: Mapped[str]
    withdrawn_by_name: Mapped[str | None]
    refusal: Mapped[str | None]


class PinnedProfile(Model):
    """How a text was cut where something was confirmed, kept once under the hash of its content."""

    __tablename__ = "pinned_profile"

    key: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CampaignRate(Model):
    """What was pinned for one country at the confirmation: the rate, and how a text is cut there."""

    __tablename__ = "campaign_rate"
    __table_args__ = (CheckConstraint("credits_per_segment > 0", name="credits_per_segment"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    credits_per_segment: Mapped[int]
    plugin: Mapped[str]
    plugin_version: Mapped[str]
    effective_from: Mapped[date]
    source: Mapped[str]
    profile_key: Mapped[str] = mapped_column(ForeignKey("pinned_profile.key"))


class Message(Model):
    """One SMS to one person. What it costs is pinned here; it is charged once, when it is handed over.

    A message of a campaign is rendered from the campaign's text and its own `merge` values; a single one (a
    test, or one sent through the API) carries text, sender, token, idempotency key and hold itself.
    `lease_ends_at` is when somebody else may take up an intent whose answer nobody has recorded.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("campaign_id", "phone"),
        ForeignKeyConstraint(["platform_id", "campaign_id"], ["campaign.platform_id", "campaign.id"]),
        ForeignKeyConstraint(["platform_id", "list_id"], ["recipient_list.platform_id", "recipient_list.id"]),
        ForeignKeyConstraint(["platform_id", "hold_id"], ["hold.platform_id", "hold.id"]),
        CheckConstraint(one_of("status", MESSAGE_STATUSES), name="status_known"),
        CheckConstraint(one_of("delivery", DELIVERIES), name="delivery_known"),
        CheckConstraint("segments > 0 AND credits_per_segment > 0", name="costs_something"),
        CheckConstraint("credits = segments * credits_per_segment", name="credits"),
        CheckConstraint("(phone IS NULL) = (erased_at IS NOT NULL)", name="phone_until_erased"),
        CheckConstraint(f"phone BETWEEN 1 AND {HIGHEST_PHONE}", name="phone_e164"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_iso"),
        CheckConstraint("status <> 'submitting' OR lease_ends_at IS NOT NULL", name="intent_has_a_lease"),
        CheckConstraint(
            "num_nonnulls(text, sender, token, hold_id, profile_key, created_at, key)"
            " = CASE WHEN campaign_id IS NULL THEN 7 ELSE 0 END",
            name="single_or_of_a_campaign",
        ),
        # Not constraints: those would index the million messages that have neither.
        Index("ix_message_key", "platform_id", "key", unique=True, postgresql_where=sql("key IS NOT NULL")),
        Index("ix_message_hold", "hold_id", unique=True, postgresql_where=sql("hold_id IS NOT NULL")),
        Index("ix_message_of_campaign", "campaign_id", "id"),
        Index("ix_message_by_state", "campaign_id", "state", "id"),
        Index("ix_message_by_country", "campaign_id", "country", "id"),
        Index("ix_message_single", "platform_id", "phone", postgresql_where=sql("campaign_id IS NULL")),
        Index(
            "ix_message_single_open",
            "id",
            postgresql_where=sql(f"campaign_id IS NULL AND {one_of('status', OPEN)}"),
        ),
        Index(
            "ix_message_tests", "tested_campaign_id", postgresql_where=sql("tested_campaign_id IS NOT NULL")
        ),
    )

    id: Mapped[Identifier]
    platform_id: Mapped[int]
    campaign_id: Mapped[int | None]
    list_id: Mapped[int | None]
    recipient_id: Mapped[int | None]
    phone: Mapped[int | None]
    country: Mapped[str]
    merge: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict, server_default=sql("'{}'::jsonb"))
    segments: Mapped[int]
    credits_per_segment: Mapped[int]
    credits: Mapped[int]
    plugin: Mapped[str]
    plugin_version: Mapped[str]

    status: Mapped[str] = mapped_column(default="queued", server_default="queued")
    delivery: Mapped[str | None]
    state: Mapped[str] = mapped_column(Computed(STATE_SQL, persisted=True))
    reason: Mapped[str | None]
    gateway_reference: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    lease_ends_at: Mapped[datetime | None]
    handed_over_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]

    text: Mapped[str | None]
    sender: Mapped[str | None]
    token: Mapped[str | None]
    key: Mapped[str | None]
    hold_id: Mapped[int | None]
    profile_key: Mapped[str | None] = mapped_column(ForeignKey("pinned_profile.key"))
    created_at: Mapped[datetime | None]
    created_by_name: Mapped[str | None]
    tested_campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id", ondelete="SET NULL"))

    @property
    def e164(self) -> str | None:
        """The number as people write it; None when its person was erased."""
        return None if self.phone is None else f"+{self.phone}"


class MessageTally(Model):
    """How many messages of a campaign are in a country and state now. Written by the database only."""

    __tablename__ = "message_tally"
    __table_args__ = (
        CheckConstraint("messages >= 0 AND segments >= 0 AND credits >= 0", name="never_negative"),
    )

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    messages: Mapped[int]
    segments: Mapped[int]
    credits: Mapped[int]


class Receipt(Model):
    """One report of the gateway on one message, kept as it came; the same one twice is kept once."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("message_id", "key"),
        CheckConstraint(one_of("status", ("accepted", *DELIVERIES)), name="status_known"),
    )

    id: Mapped[Identifier]
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    key: Mapped[str]
    status: Mapped[str]
    detail: Mapped[str] = mapped_column(default="", server_default="")
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
