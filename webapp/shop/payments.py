"""How an order is paid. A provider tells the buyer what to do; whoever learns of the payment calls
`orders.mark_paid`: the operator for a bank transfer, a provider's notice for one that sends notices.
"""

from collections.abc import Mapping
from typing import Protocol

from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

from webapp.shop.models import Order
from webapp.shop.seller import seller


class PaymentProvider(Protocol):
    """One way to pay. `name` is kept on the order; `fragment` is the template a pending order shows."""

    name: str
    title: LazyString
    fragment: str

    def facts(self, order: Order) -> Mapping[str, object]:
        """What the fragment needs to know, besides the order."""
        ...


class BankTransfer:
    """Paid outside of this application, and marked paid by the operator."""

    name = "bank_transfer"
    title = lazy_gettext("Bank transfer")
    fragment = "shop/_bank_transfer.html"

    def facts(self, order: Order) -> Mapping[str, object]:
        return {"bank_details": seller().bank_details(order.currency)}


BANK_TRANSFER = BankTransfer()
PROVIDERS: Mapping[str, PaymentProvider] = {BANK_TRANSFER.name: BANK_TRANSFER}
