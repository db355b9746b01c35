"""What people and platforms refuse."""

from flask_babel import gettext as _

from webapp.errors import Refused


class AddressTaken(Refused):
    """Somebody has this e-mail address already, here or on another platform."""

    slug = "invalid-request"

    def __init__(self) -> None:
        super().__init__(_("This address cannot be invited: somebody signs in with it already."))


class NameTaken(Refused):
    slug = "invalid-request"

    def __init__(self, name: str) -> None:
        super().__init__(_("There is a platform called “%(name)s” already. Choose another name.", name=name))


class LastAdmin(Refused):
    """The platform would be left without anybody who can look after it."""

    slug = "wrong-state"

    def __init__(self) -> None:
        super().__init__(
            _("This is the last admin of the platform. Make somebody else an admin first, then try again.")
        )


class InvitationOver(Refused):
    slug = "wrong-state"

    def __init__(self) -> None:
        super().__init__(_("This invitation was used, replaced or is older than a week. Ask for a new one."))
