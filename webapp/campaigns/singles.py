"""Single messages, of no campaign: tests, and those of other systems. Charged like any other."""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from webapp.audience import suppression
from webapp.campaigns import dispatching, intents
from webapp.campaigns.gateways.api import Gateway
from webapp.campaigns.models import Message
from webapp.campaigns.pins import pin_profiles
from webapp.campaigns.references import new_token
from webapp.campaigns.settings import SendingSettings
from webapp.credits import engine
from webapp.credits.terms import Actor, Demand, Subject
from webapp.db import transaction
from webapp.errors import Refused
from webapp.pricing.books import current_book
from webapp.pricing.merge import literal
from webapp.pricing.numbers import Phone
from webapp.pricing.quotes import MessageQuote, price_message

# Two attempts with one key take turns, so that the second finds what the first has done.
TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, :platform_id))")


class NotWanted(Refused):
    """The number is on the do-not-contact list, or its person was erased."""

    slug = "invalid-request"


def price_single(
    phone: Phone, body: str, sender: str, *, transliterate: bool = False, now: datetime
) -> MessageQuote:
    """What this very text costs to this number. Raises what `price_message` raises."""
    return price_message(
        literal(body), {}, phone.country, current_book(), now, sender, transliterate=transliterate
    )


def send_single(
    platform_id: int,
    phone: Phone,
    body: str,
    sender: str,
    *,
    transliterate: bool = False,
    list_id: int | None = None,
    tested_campaign_id: int | None = None,
    actor: Actor,
    now: datetime,
    key: str,
) -> Message:
    """Holds what it costs and has it sent. The same key and request again answers with the first message.

    Raises `NotWanted`, what `price_message` and `place_hold` raise, and `IdempotencyConflict`.
    """
    with transaction() as session:
        session.execute(TAKE_TURNS, {"key": key, "platform_id": platform_id})
        digits = int(phone.e164.removeprefix("+"))
        if known := sent_before(session, platform_id, key):
            require_same(known, digits, body, sender, list_id, key)
            return known
        if suppression.is_blocked(platform_id, digits):
            raise NotWanted(
                _("This number must not be written to. Take it off the do-not-contact list first.")
            )
        price = price_single(phone, body, sender, transliterate=transliterate, now=now)
        message = Message(
            id=next_id(session),
            platform_id=platform_id,
            list_id=list_id,
            phone=digits,
            merge={"text": body},
            sender=sender,
            token=new_token(),
            key=key,
            created_at=now,
            created_by_name=actor.name,
            tested_campaign_id=tested_campaign_id,
        )
        hold_and_send(session, message, price, actor, now)
        return message


def hold_and_send(
    session: Session, message: Message, price: MessageQuote, actor: Actor, now: datetime
) -> None:
    """Pins the price, holds it, and enqueues the job. The label says no number: the ledger never forgets."""
    from webapp.campaigns.jobs import send_single as job

    profile = price.segmentation.profile
    message.country, message.text = price.country, price.text
    message.segments, message.credits = price.segments, price.credits
    message.credits_per_segment = price.rate.credits_per_segment
    message.plugin, message.plugin_version = price.rate.plugin, price.rate.plugin_version
    message.profile_key = pin_profiles([profile])[profile]
    message.hold_id = engine.place_hold(
        message.platform_id,
        [Demand(message.list_id, price.credits)],
        send_at=now,
        subject=Subject("message", message.id),
        label=_("Test message") if message.tested_campaign_id else _("Message %(id)s", id=message.id),
        actor=actor,
        now=now,
        key=f"message-hold:{message.id}:{message.token}",
    ).hold_id
    session.add(message)
    session.flush()
    job.enqueue(message_id=message.id, once=f"message-{message.id}")


def next_id(session: Session) -> int:
    """The id of the message is needed before its hold, which names it."""
    sequence = func.pg_get_serial_sequence("message", "id")
    return int(session.scalars(select(func.nextval(sequence))).one())


def sent_before(session: Session, platform_id: int, key: str) -> Message | None:
    found = select(Message).where(Message.platform_id == platform_id, Message.key == key)
    return session.scalars(found).one_or_none()


def require_same(known: Message, phone: int, body: str, sender: str, list_id: int | None, key: str) -> None:
    """Raises `IdempotencyConflict` when the key was used for something else. An erased one is the same."""
    if known.erased_at is not None:
        return
    if (known.phone, known.merge.get("text"), known.sender, known.list_id) != (phone, body, sender, list_id):
        raise engine.IdempotencyConflict(key)


def hand_over(
    message_id: int, gateway: Gateway, settings: SendingSettings, *, now: datetime
) -> datetime | None:
    """Sends a single message, or settles it after somebody went silent; when to come back, if at all."""
    claimed = intents.claim_single(message_id, lease_s=settings.lease_s, now=now)
    if claimed is None:
        return None
    batch, under_way = claimed
    return dispatching.hand_over(batch, gateway, under_way=under_way).again_at
