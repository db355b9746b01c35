"""The list of campaigns, and the beginning of a new one."""

from flask import Response, request, url_for
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.campaigns import drafts, overview
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Campaign, CampaignList
from webapp.campaigns.views import blueprint
from webapp.campaigns.views.common import WRITERS
from webapp.db import db
from webapp.web.htmx import render, see_other
from webapp.web.paging import paginate
from webapp.web.polling import polled


@blueprint.get("/campaigns")
@requires(*WRITERS)
@polled
def index() -> Response:
    """Every campaign of the platform, by group and name. While one runs, the table asks again by itself."""
    platform = current_platform()
    group = request.args.get("show", "")
    group = group if group in overview.STATUSES else ""
    name = request.args.get("q", "")
    page = paginate(overview.campaigns(platform.id, group or None, name))
    ids = [campaign.id for campaign in page.rows]
    return render(
        "campaigns/index.html",
        "campaigns/_index.html",
        page=page,
        tallies=overview.tallies(ids),
        lists=overview.lists_of(ids),
        counts=overview.counts(platform.id),
        group=group,
        q=name,
        now=clock.now(),
    )


@blueprint.post("/campaigns/new")
@requires(*WRITERS)
def new() -> Response:
    """A new draft; the empty one that the same person began and never wrote in is taken up again."""
    actor, platform = current_actor(), current_platform()
    listed = select(CampaignList.campaign_id).where(CampaignList.campaign_id == Campaign.id).exists()
    untouched = db.session.scalars(
        select(Campaign)
        .where(
            Campaign.platform_id == platform.id,
            Campaign.status == "draft",
            Campaign.created_by_id == actor.id,
            Campaign.version == 1,
            Campaign.text == "",
            Campaign.name == "",
            ~listed,
        )
        .order_by(Campaign.id.desc())
        .limit(1)
    ).first()
    campaign = untouched or drafts.create_draft(platform.id, Draft(), actor=actor, now=clock.now())
    return see_other(url_for("campaigns.compose", campaign_id=campaign.id))
