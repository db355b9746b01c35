"""From an order to its credits: placed, then paid or cancelled, and paid only once (R4)."""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import column, func, select, table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.credits import engine
from webapp.credits.terms import Actor, Subject
from webapp.db import transaction
from webapp.errors import Refused
from webapp.shop.models import Order, Package, PackageTerms
from webapp.shop.offers import CURRENCIES
from webapp.shop.packages import history
from webapp.shop.payments import BANK_TRANSFER, PROVIDERS
from webapp.shop.seller import next_receipt

_platform = table("platform", column("id"), column("name"))


class OrderRefused(Refused):
    """The order is not, or no longer, in a state in which this can be done."""

    slug = "wrong-state"


class NoSuchOrder(Refused):
    slug = "not-found"


class OrderKeyReused(Refused):
    """The key of an order came again with something else to order."""

    slug = "idempotency-conflict"


class ReferenceUsed(Refused):
    """The same payment is recorded on another order: a slip, unless somebody paid for both at once."""

    slug = "wrong-state"

    def __init__(self, other: Order) -> None:
        super().__init__(
            _(
                "Order %(order)s was paid by %(reference)s already. If that payment was for both orders, say "
                "so below; otherwise check the reference.",
                order=other.id,
                reference=other.payment_reference,
            ),
            order=other.id,
        )


def place_order(
    platform_id: int,
    *,
    terms_id: int,
    currency: str,
    key: str,
    actor: Actor,
    now: datetime,
    provider: str = BANK_TRANSFER.name,
) -> Order:
    """A pending order of a package under the very terms the buyer saw. Moves no credits.

    `key` makes a repeated request one order. Raises `OrderRefused` when those terms are not on sale
    any more, `OrderKeyReused` when the key came with another request, `ValueError` for a currency or
    provider there is not.
    """
    if currency not in CURRENCIES or provider not in PROVIDERS:
        raise ValueError(f"no such currency or provider: {currency}, {provider}")
    with transaction() as session:
        earlier = _placed_with(session, platform_id, key)
        if earlier is None:
            _check_on_sale(session, terms_id)
            _insert_order(session, platform_id, terms_id, currency, key, actor, now, provider)
            earlier = _placed_with(session, platform_id, key)
            assert earlier is not None
        if (earlier.terms_id, earlier.currency, earlier.provider) != (terms_id, currency, provider):
            raise OrderKeyReused(_("This page has been used for another order. Open it again to order."))
        return earlier


def mark_paid(
    order_id: int, *, reference: str, actor: Actor, now: datetime, for_several: bool = False
) -> Order:
    """Record a payment and create its credits, both or neither, however often the notice comes.

    `reference` is the payment's own, from the bank or the provider: the same one again changes nothing.
    Raises `OrderRefused` for a cancelled order, or one paid by another payment; `ReferenceUsed` when the
    payment is recorded on another order and was not said to be `for_several`; `NoSuchOrder`.
    """
    with transaction() as session:
        order = _lock(session, order_id)
        if order.status == "cancelled":
            raise OrderRefused(
                _("This order was cancelled and cannot be paid. The buyer has to order again.")
            )
        if order.status == "paid":
            return _paid_again(order, reference)
        if not for_several:
            _check_unused(session, reference)
        return _credit(session, order, reference, actor, now)


def cancel(order_id: int, *, actor: Actor, now: datetime) -> Order:
    """Cancel a pending order, on either side. One that is cancelled already stays as it was.

    Raises `OrderRefused` for a paid one: credits are never refunded (R4); `NoSuchOrder`.
    """
    with transaction() as session:
        order = _lock(session, order_id)
        if order.status == "paid":
            raise OrderRefused(_("This order is paid and cannot be cancelled: credits are never refunded."))
        if order.status == "pending":
            order.status = "cancelled"
            order.cancelled_at, order.cancelled_by_id, order.cancelled_by_name = now, actor.id, actor.name
        return order


def _check_on_sale(session: Session, terms_id: int) -> None:
    """The package stays locked against a change or retirement until the order is committed."""
    query = (
        select(Package)
        .join(PackageTerms, PackageTerms.package_id == Package.id)
        .where(PackageTerms.id == terms_id)
        .with_for_update(read=True, of=Package)
        .execution_options(populate_existing=True)
    )
    package = session.scalars(query).one_or_none()
    if package is None or package.retired_at is not None:
        raise OrderRefused(_("This package is not on sale any more. Choose another one."))
    if history(package.id)[0].id != terms_id:
        raise OrderRefused(
            _("The price or the terms of this package have changed. Look at them and order again.")
        )


def _insert_order(
    session: Session,
    platform_id: int,
    terms_id: int,
    currency: str,
    key: str,
    actor: Actor,
    now: datetime,
    provider: str,
) -> None:
    """Of two requests with one key the second waits for the first, and inserts nothing."""
    row = {
        "platform_id": platform_id,
        "terms_id": terms_id,
        "currency": currency,
        "provider": provider,
        "key": key,
        "created_at": now,
        "created_by_id": actor.id,
        "created_by_name": actor.name,
        "billed_to": session.scalar(select(_platform.c.name).where(_platform.c.id == platform_id)),
    }
    session.execute(insert(Order).values(row).on_conflict_do_nothing(index_elements=["platform_id", "key"]))


def _placed_with(session: Session, platform_id: int, key: str) -> Order | None:
    return session.scalars(
        select(Order).where(Order.platform_id == platform_id, Order.key == key)
    ).one_or_none()


def _lock(session: Session, order_id: int) -> Order:
    query = select(Order).where(Order.id == order_id).with_for_update(of=Order)
    order = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if order is None:
        raise NoSuchOrder(_("There is no such order."))
    return order


def _paid_again(order: Order, reference: str) -> Order:
    if order.payment_reference != reference:
        raise OrderRefused(
            _(
                "This order is paid already, by payment %(paid)s. No credits were created.",
                paid=order.payment_reference,
            )
        )
    return order


def _check_unused(session: Session, reference: str) -> None:
    """Of two orders that get one reference at the same time, the second waits and is asked."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(reference, 0))))
    query = select(Order).where(Order.payment_reference == reference).order_by(Order.id).limit(1)
    if other := session.scalars(query).one_or_none():
        raise ReferenceUsed(other)


def _credit(session: Session, order: Order, reference: str, actor: Actor, now: datetime) -> Order:
    """The receipt is counted before the engine runs, so that the pool is locked for the shortest time."""
    number, name_and_address = next_receipt(session)
    purchase = engine.purchase(
        order.platform_id,
        order.terms.credits,
        validity_months=order.terms.validity_months,
        subject=Subject("order", order.id),
        actor=actor,
        now=now,
        key=f"order:{order.id}",
    )
    order.status, order.paid_at = "paid", now
    order.paid_by_id, order.paid_by_name, order.payment_reference = actor.id, actor.name, reference
    order.receipt_number, order.billed_by = number, name_and_address
    order.ledger_transaction_id, order.expires_on = purchase.transaction_id, purchase.expires_on
    session.flush()
    return order
