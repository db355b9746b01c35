"""Trying another wording beside the draft."""

from flask import url_for
from werkzeug.wrappers import Response

from webapp.accounts.access import requires
from webapp.campaigns.views import ID, blueprint
from webapp.campaigns.views.common import WRITERS, own_campaign
from webapp.campaigns.views.compose import compose_page, context_of, sent
from webapp.web.htmx import render, see_other, wants_fragment


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/wording")
@requires(*WRITERS)
def compare_wording(campaign_id: int) -> Response:
    """What another text would cost, beside the one in the form. Nothing is saved."""
    campaign, given = own_campaign(campaign_id), sent()
    if campaign.status != "draft":
        return see_other(url_for("campaigns.campaign", campaign_id=campaign_id))
    if not wants_fragment():
        return compose_page(campaign, given.draft)
    context = context_of(campaign, given.draft, with_savings=False)
    return render("campaigns/_wording.html", "campaigns/_wording.html", **context)
