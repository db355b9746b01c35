"""The list, person or import an address names, or 404: never one of another platform."""

from sqlalchemy import select

from webapp.accounts.access import current_platform
from webapp.audience.models import Import, Recipient, RecipientList
from webapp.web.lookup import one_or_404


def list_or_404(list_id: int) -> RecipientList:
    """A list of the person's platform that is not deleted."""
    return one_or_404(
        select(RecipientList).where(
            RecipientList.id == list_id,
            RecipientList.platform_id == current_platform().id,
            RecipientList.deleted_at.is_(None),
        )
    )


def recipient_or_404(list_id: int, recipient_id: int) -> Recipient:
    """A person on a list, which must have been found by `list_or_404`."""
    return one_or_404(select(Recipient).where(Recipient.id == recipient_id, Recipient.list_id == list_id))


def import_or_404(import_id: int) -> Import:
    """An import of the person's platform."""
    return one_or_404(
        select(Import).where(Import.id == import_id, Import.platform_id == current_platform().id)
    )
