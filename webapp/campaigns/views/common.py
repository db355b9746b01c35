"""What the views share: finding one's own campaign, the platform's zone, and the words for states."""

from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from sqlalchemy import select

from webapp.accounts.access import current_platform
from webapp.campaigns import marking
from webapp.campaigns.models import Campaign
from webapp.campaigns.views import blueprint
from webapp.web.lookup import one_or_404

WRITERS = ("admin", "marketer")

STATUS_WORDS = {
    "draft": (_("Draft"), "plain"),
    "confirming": (_("Being confirmed"), "busy"),
    "scheduled": (_("Scheduled"), "wait"),
    "sending": (_("Sending"), "busy"),
    "paused": (_("Paused"), "wait"),
    "finished": (_("Sent"), "good"),
    "cancelled": (_("Cancelled"), "plain"),
}
STATE_WORDS = {
    "queued": (_("waiting"), "plain"),
    "submitting": (_("being handed over"), "busy"),
    "sent": (_("sent"), "busy"),
    "unknown": (_("unknown"), "wait"),
    "delivered": (_("delivered"), "good"),
    "failed": (_("failed"), "bad"),
    "refused": (_("refused by the gateway"), "bad"),
    "unsubscribed": (_("unsubscribed since"), "plain"),
    "do_not_contact": (_("do not contact since"), "plain"),
    "erased": (_("erased since"), "plain"),
    "cancelled": (_("cancelled"), "plain"),
    "lapsed": (_("not sent in time"), "plain"),
}
REASON_WORDS = {
    "duplicate": _("in an earlier list already"),
    "unsubscribed": _("unsubscribed"),
    "do_not_contact": _("do not contact"),
    "invalid": _("invalid number"),
    "no_rate": _("no rate for their country"),
    "sender": _("sender not allowed there"),
    "empty": _("empty message"),
    "too_many_segments": _("message too long"),
}


def own_campaign(campaign_id: int) -> Campaign:
    """The campaign of this platform, or 404."""
    return one_or_404(
        select(Campaign).where(Campaign.id == campaign_id, Campaign.platform_id == current_platform().id)
    )


def platform_zone() -> ZoneInfo:
    return ZoneInfo(current_platform().time_zone)


@blueprint.app_template_filter("campaign_status")
def campaign_status(status: str) -> tuple[str, str]:
    """The word for a campaign's status, and the tone of its badge."""
    word, tone = STATUS_WORDS[status]
    return str(word), tone


@blueprint.app_template_filter("message_state")
def message_state(state: str) -> tuple[str, str]:
    """The word for what became of a message, and the tone of its badge."""
    word, tone = STATE_WORDS[state]
    return str(word), tone


@blueprint.app_template_filter("exclusion")
def exclusion(reason: str) -> str:
    """Why somebody gets no message, in words."""
    return str(REASON_WORDS.get(reason, reason))


@blueprint.app_template_filter("drawn")
def drawn(character: str) -> str:
    """A character as it can be seen: an invisible one is drawn."""
    return marking.drawn(character)


blueprint.add_app_template_filter(ord, "ord")
