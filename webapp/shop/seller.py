"""The seller's particulars: what stands on orders and receipts, and the count of receipts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.credits.terms import Actor
from webapp.db import db, transaction
from webapp.shop.models import Seller


@dataclass(frozen=True)
class Particulars:
    """What the operator enters: name and address, and an account to pay into for each currency."""

    name_and_address: str
    bank_details_usd: str
    bank_details_eur: str


def seller() -> Seller:
    """The one row there is; the migration made it."""
    return db.session.get_one(Seller, 1)


def change_seller(particulars: Particulars, *, actor: Actor, now: datetime) -> None:
    """Change what stands on orders from now on; receipts that were given keep what they say."""
    with transaction() as session:
        row = session.get_one(Seller, 1, with_for_update=True, populate_existing=True)
        row.name_and_address = particulars.name_and_address
        row.bank_details_usd = particulars.bank_details_usd
        row.bank_details_eur = particulars.bank_details_eur
        row.changed_at, row.changed_by_id, row.changed_by_name = now, actor.id, actor.name


def next_receipt(session: Session) -> tuple[int, str]:
    """The next receipt number, without gaps, and who gives the receipt.

    Counted in the row and not by a sequence: a payment that is rolled back gives its number back.
    """
    counted = (
        update(Seller)
        .values(last_receipt_number=Seller.last_receipt_number + 1)
        .returning(Seller.last_receipt_number, Seller.name_and_address)
    )
    number, name_and_address = session.execute(counted).one()
    return number, name_and_address
