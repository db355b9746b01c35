"""From what a movement is about to its page, where there is one."""

from webapp.credits.terms import Subject
from webapp.web.frame import page_url

PAGES = {
    "campaign": ("campaigns.campaign", "campaign_id"),
    "message": ("campaigns.single", "message_id"),
    "order": ("shop.own_order", "order_id"),
}


def subject_url(subject: Subject | None) -> str | None:
    """The page of a campaign, a single message or an order; None for what has no page."""
    if subject is None or subject.kind not in PAGES:
        return None
    endpoint, name = PAGES[subject.kind]
    return page_url(endpoint, **{name: subject.id})
