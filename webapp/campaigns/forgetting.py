"""Having the gateway forget a person who was erased here: number and text of what it was handed."""

import logging
from collections.abc import Sequence

from sqlalchemy import func, select

from webapp.campaigns.gateways.api import Gateway
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.references import reference_of
from webapp.db import transaction

log = logging.getLogger(__name__)


def forget(message_ids: Sequence[int], gateway: Gateway) -> list[int]:
    """Has the gateway forget these messages; those still on their way there must be forgotten again later.

    A gateway that cannot is named in the log, for somebody to ask its owners. Raises `GatewayAway`.
    """
    with transaction() as session:
        token = func.coalesce(Message.token, Campaign.token)
        rows = session.execute(
            select(Message.id, Message.status, token)
            .outerjoin(Campaign, Campaign.id == Message.campaign_id)
            .where(Message.id.in_(message_ids))
        ).all()
    references = [reference_of(token, message_id) for message_id, _status, token in rows]
    if gateway.can_forget:
        gateway.forget(references)
    else:
        log.warning("The gateway %s keeps messages to an erased number: %s", gateway.name, references)
    return [message_id for message_id, status, _token in rows if status == "submitting"]
