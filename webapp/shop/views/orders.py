"""The operator's side of orders: who waits, marking paid, cancelling, and the seller's particulars."""

from flask import render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import case, false, select
from werkzeug.wrappers import Response

from webapp import clock
from webapp.accounts.access import current_actor, requires
from webapp.shop.forms import PaymentForm, SellerForm
from webapp.shop.models import Order
from webapp.shop.orders import OrderRefused, ReferenceUsed, cancel, mark_paid
from webapp.shop.payments import PROVIDERS
from webapp.shop.references import order_of
from webapp.shop.seller import change_seller, seller
from webapp.shop.views import ID, blueprint
from webapp.web.errors import status_of
from webapp.web.htmx import invalid, render, see_other
from webapp.web.lookup import one_or_404
from webapp.web.paging import paginate


@blueprint.get("/operator/orders")
@requires("operator")
def orders() -> Response:
    """Every platform's orders, those that wait for payment first; `?find=` looks one up by its reference."""
    find = request.args.get("find", "").strip()
    waiting_first = case((Order.status == "pending", 0), else_=1)
    query = select(Order).order_by(waiting_first, Order.id.desc())
    if find:
        query = query.where(Order.id == number if (number := _order_named(find)) else false())
    return render("shop/orders.html", "shop/_orders.html", page=paginate(query), find=find, seller=seller())


@blueprint.get(f"/operator/orders/<{ID}:order_id>")
@requires("operator")
def order(order_id: int) -> Response:
    """One order with its payment form."""
    return render("shop/order.html", "shop/_order.html", **_order_page(order_id, PaymentForm(formdata=None)))


@blueprint.post(f"/operator/orders/<{ID}:order_id>/pay")
@requires("operator")
def pay_order(order_id: int) -> Response:
    """Records a payment that came in, and creates its credits."""
    form = PaymentForm()
    page = _order_page(order_id, form)
    if not form.validate_on_submit():
        return invalid("shop/order.html", "shop/_order.html", **page)
    try:
        mark_paid(
            order_id,
            reference=str(form.reference.data),
            actor=current_actor(),
            now=clock.now(),
            for_several=form.for_several.data,
        )
    except (OrderRefused, ReferenceUsed) as refused:
        page |= {"refusal": refused.sentence, "other_order_id": refused.facts.get("order")}
        answer = invalid("shop/order.html", "shop/_order.html", **page)
        answer.status_code = status_of(refused)
        return answer
    return see_other(
        url_for("shop.order", order_id=order_id), _("The order is paid and its credits are there.")
    )


@blueprint.post(f"/operator/orders/<{ID}:order_id>/cancel")
@requires("operator")
def cancel_order(order_id: int) -> Response:
    one_or_404(select(Order).where(Order.id == order_id))
    cancel(order_id, actor=current_actor(), now=clock.now())
    return see_other(url_for("shop.order", order_id=order_id), _("The order is cancelled."))


@blueprint.get(f"/operator/orders/<{ID}:order_id>/receipt")
@requires("operator")
def receipt(order_id: int) -> str:
    """The receipt the buyer has, for the operator's own files."""
    paid = one_or_404(select(Order).where(Order.id == order_id, Order.status == "paid"))
    return render_template("shop/receipt.html", order=paid, up=url_for("shop.order", order_id=order_id))


@blueprint.get("/operator/orders/seller")
@requires("operator")
def seller_details() -> Response:
    """Name, address and accounts, as orders and receipts show them."""
    form = SellerForm(formdata=None, obj=seller())
    return render("shop/seller.html", "shop/_seller.html", form=form, seller=seller())


@blueprint.post("/operator/orders/seller")
@requires("operator")
def save_seller_details() -> Response:
    form = SellerForm()
    if not form.validate_on_submit():
        return invalid("shop/seller.html", "shop/_seller.html", form=form, seller=seller())
    change_seller(form.particulars(), actor=current_actor(), now=clock.now())
    return see_other(url_for("shop.orders"), _("Saved. New orders show it from now on."))


def _order_named(text: str) -> int | None:
    """The order with this reference, or simply its number."""
    plain_number = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if plain_number else order_of(text)


def _order_page(order_id: int, form: PaymentForm) -> dict[str, object]:
    found = one_or_404(select(Order).where(Order.id == order_id))
    return {"order": found, "form": form, "provider": PROVIDERS[found.provider], "refusal": None}
