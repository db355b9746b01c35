"""A platform's own orders: the list, one order, its receipt, and cancelling it."""

from flask import render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import Select, select
from werkzeug.wrappers import Response

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.shop.models import Order
from webapp.shop.orders import cancel
from webapp.shop.payments import PROVIDERS
from webapp.shop.views import ID, blueprint
from webapp.shop.views.back import asked_back
from webapp.web.htmx import render, see_other
from webapp.web.lookup import one_or_404
from webapp.web.paging import paginate


@blueprint.get("/orders")
@requires("admin")
def own_orders() -> Response:
    """The platform's orders, the newest first."""
    page = paginate(_own().order_by(Order.id.desc()))
    return render("shop/own_orders.html", "shop/_own_orders.html", page=page)


@blueprint.get(f"/orders/<{ID}:order_id>")
@requires("admin")
def own_order(order_id: int) -> Response:
    """One order: what it is, how to pay it, what became of it."""
    order = _own_order(order_id)
    provider = PROVIDERS[order.provider]
    return render(
        "shop/own_order.html",
        "shop/_own_order.html",
        order=order,
        provider=provider,
        facts=provider.facts(order),
        back=asked_back(),
    )


@blueprint.post(f"/orders/<{ID}:order_id>/cancel")
@requires("admin")
def cancel_own_order(order_id: int) -> Response:
    cancel(_own_order(order_id).id, actor=current_actor(), now=clock.now())
    return see_other(
        url_for("shop.own_order", order_id=order_id, back=asked_back()), _("The order is cancelled.")
    )


@blueprint.get(f"/orders/<{ID}:order_id>/receipt")
@requires("admin")
def own_receipt(order_id: int) -> str:
    """The receipt of a paid order, for printing; 404 before it is paid."""
    order = one_or_404(_own().where(Order.id == order_id, Order.status == "paid"))
    return render_template("shop/receipt.html", order=order, up=url_for("shop.own_order", order_id=order_id))


def _own() -> Select[Order]:
    return select(Order).where(Order.platform_id == current_platform().id)


def _own_order(order_id: int) -> Order:
    return one_or_404(_own().where(Order.id == order_id))
