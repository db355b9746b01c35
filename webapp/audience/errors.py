"""What cannot be done with lists and recipients, as sentences."""

from flask_babel import gettext as _

from webapp.errors import Refused
from webapp.web.formats import credits as told


class NameTaken(Refused):
    slug = "name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(_("There is a list named “%(name)s” already. Choose another name.", name=name))


class ListGone(Refused):
    slug = "not-found"

    def __init__(self) -> None:
        super().__init__(_("This list has been deleted."))


class NumberRefused(Refused):
    """A number that cannot be taken; `reason` is the slug of `cells.REASONS`."""

    slug = "invalid-number"

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence, reason=reason)


class AlreadyOnList(Refused):
    slug = "already-on-list"

    def __init__(self, e164: str, recipient_id: int) -> None:
        super().__init__(_("%(phone)s is on this list already.", phone=e164), recipient_id=recipient_id)


class StaysUnsubscribed(Refused):
    """Whoever unsubscribed stays on the list: that row is what an import finds, and leaves as it is."""

    slug = "wrong-state"

    def __init__(self, e164: str) -> None:
        super().__init__(
            _(
                "%(phone)s has unsubscribed and stays on the list as such: otherwise an import would "
                "subscribe them again. An admin can erase the person altogether.",
                phone=e164,
            )
        )


class WasErased(Refused):
    slug = "erased"

    def __init__(self) -> None:
        super().__init__(
            _(
                "The person with this number was erased on request. Add the number only if they asked to "
                "come back, and say so below."
            )
        )


class FieldRefused(Refused):
    slug = "invalid-field"


class TooManyForExcel(Refused):
    slug = "too-many-rows"

    def __init__(self, rows_max: int) -> None:
        super().__init__(
            _(
                "An Excel file is made for up to %(rows)s people. Choose CSV: it takes any number, and "
                "Excel opens it as well.",
                rows=told(rows_max),
            )
        )


class ImportRefused(Refused):
    """A file that cannot be read, or an import that is past the asked step."""

    slug = "import-refused"
