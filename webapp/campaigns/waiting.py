"""The messages of a campaign that are still to be handed over, the oldest first."""

from typing import Any

from sqlalchemy import select

from webapp.campaigns.models import Message


def oldest(what: Any, campaign_id: int, status: str, limit: int) -> Any:
    """`what` of the first messages that are queued, or submitting: as a statement.

    Until it is handed over, a message's `state` is its status, and has an index. A range, not an equation:
    behind an equation the planner knows the order of any index on ids, and expecting to meet a queued
    message soon, it walks over the million before it that were sent.
    """
    found = select(what).where(Message.campaign_id == campaign_id, Message.state.between(status, status))
    return found.order_by(Message.state, Message.id).limit(limit)
