"""The messages of a campaign as a table, and one message with its parts, its price and its receipts."""

from flask import Response, request
from sqlalchemy import select

from webapp.accounts.access import current_platform, requires
from webapp.campaigns import marking, message_pages, rendering
from webapp.campaigns.models import Campaign, CampaignRate, Message, Receipt
from webapp.campaigns.quoting import names_of
from webapp.campaigns.views import ID, blueprint
from webapp.campaigns.views.common import WRITERS, own_campaign
from webapp.db import db
from webapp.web.htmx import render
from webapp.web.lookup import one_or_404


def messages_context(campaign: Campaign) -> dict[str, object]:
    """The page of messages that the address asks for."""
    wanted = message_pages.wanted_of(
        request.args.get("state", ""), request.args.get("country", ""), request.args.get("number", "")
    )
    return {
        "wanted": wanted,
        "page": message_pages.page_of(
            campaign.id,
            wanted,
            after=request.args.get("after", type=int),
            before=request.args.get("before", type=int),
        ),
    }


@blueprint.get(f"/campaigns/<{ID}:campaign_id>/messages/<{ID}:message_id>")
@requires(*WRITERS)
def message(campaign_id: int, message_id: int) -> Response:
    """One message of a campaign."""
    campaign = own_campaign(campaign_id)
    found = one_or_404(select(Message).where(Message.id == message_id, Message.campaign_id == campaign.id))
    return message_page(found, campaign)


@blueprint.get(f"/messages/<{ID}:message_id>")
@requires(*WRITERS)
def single(message_id: int) -> Response:
    """One message of no campaign: a test, or one from another system."""
    found = one_or_404(
        select(Message).where(
            Message.id == message_id,
            Message.platform_id == current_platform().id,
            Message.campaign_id.is_(None),
        )
    )
    return message_page(found, None)


def message_page(found: Message, campaign: Campaign | None) -> Response:
    text = rendering.text_of(found, campaign)
    rate = db.session.get(CampaignRate, (campaign.id, found.country)) if campaign else None
    list_name = names_of(found.platform_id, [found.list_id]).get(found.list_id) if found.list_id else None
    return render(
        "campaigns/message.html",
        "campaigns/_message.html",
        message=found,
        campaign=campaign,
        text=text,
        parts=marking.marked_parts(text) if text else (),
        rate=rate,
        list_name=list_name,
        receipts=db.session.scalars(
            select(Receipt).where(Receipt.message_id == found.id).order_by(Receipt.happened_at, Receipt.id)
        ).all(),
    )
