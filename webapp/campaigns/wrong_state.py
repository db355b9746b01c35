"""The refusal of what a campaign cannot do in the state it is in."""

from flask_babel import lazy_gettext as _

from webapp.errors import Refused

SENTENCES = {
    "draft": _("This campaign is still a draft."),
    "confirming": _("This campaign is being confirmed: wait until that is done, or stop it."),
    "scheduled": _("This campaign is scheduled already."),
    "sending": _("This campaign is being sent."),
    "paused": _("This campaign is paused."),
    "finished": _("This campaign has been sent."),
    "cancelled": _("This campaign has been cancelled."),
}


class WrongState(Refused):
    """What was asked does not go with the campaign's state; nothing was changed."""

    slug = "wrong-state"

    def __init__(self, status: str) -> None:
        super().__init__(str(SENTENCES[status]), status=status)
        self.status = status
