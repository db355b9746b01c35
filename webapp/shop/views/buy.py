"""The buy page: choose a package, see what it does to the expiry days, order it."""

from collections.abc import Mapping
from uuid import uuid4

from flask import request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.credits import engine
from webapp.shop.forms import OrderForm
from webapp.shop.offers import Offer
from webapp.shop.orders import OrderRefused, place_order
from webapp.shop.outlook import Outlook, outlook
from webapp.shop.views import blueprint
from webapp.shop.views.back import asked_back
from webapp.shop.views.price_table import PriceTable, price_table
from webapp.web.errors import status_of
from webapp.web.htmx import invalid, render, see_other

PAGE, FRAGMENT = "shop/buy.html", "shop/_buy.html"


@blueprint.get("/buy")
@requires("admin")
def buy() -> Response:
    """The packages, the chosen one, and the expiry days before and after it."""
    page = _page(request.args)
    answer = invalid if page["complaints"] else render
    return answer(PAGE, FRAGMENT, **page)


@blueprint.post("/buy")
@requires("admin")
def order_package() -> Response:
    """Places the order the page shows, at the very terms it shows."""
    form = OrderForm()
    if not form.validate_on_submit():
        sentence = _("That order could not be read. Choose the package again.")
        return invalid(PAGE, FRAGMENT, **_page(request.form, refusal=sentence))
    try:
        order = place_order(
            current_platform().id,
            terms_id=form.terms.data,
            currency=str(form.currency.data),
            key=str(form.key.data),
            actor=current_actor(),
            now=clock.now(),
        )
    except OrderRefused as refused:
        answer = invalid(PAGE, FRAGMENT, **_page(request.form, refusal=refused.sentence))
        answer.status_code = status_of(refused)
        return answer
    placed = _("Order %(number)s is placed. Pay it, and the credits are yours.", number=order.id)
    return see_other(url_for("shop.own_order", order_id=order.id, back=asked_back()), placed)


def _page(asked: "MultiDict[str, str]", refusal: str | None = None) -> Mapping[str, object]:
    """All the page shows, from the parameters of the address or of a refused order."""
    table = price_table(asked.get("country"), asked.get("currency"))
    complaints = list(table.choice.complaints)
    chosen = _chosen(table, asked.get("package"), complaints)
    return {
        "table": table,
        "chosen": chosen,
        "outlook": _outlook(chosen),
        "complaints": complaints,
        "refusal": refusal,
        "key": uuid4().hex,
        "back": asked_back(),
    }


def _chosen(table: PriceTable, asked: str | None, complaints: list[str]) -> Offer | None:
    """The package asked for; without a word the smallest, so that the page always shows the days."""
    if not asked:
        return table.offers[0] if table.offers else None
    found = table.offer(int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    if found is None:
        complaints.append(_("That package is not on sale. Choose one from the table."))
    return found


def _outlook(chosen: Offer | None) -> Outlook | None:
    if chosen is None:
        return None
    package = chosen.package
    preview = engine.preview_purchase(
        current_platform().id, validity_months=package.validity_months, now=clock.now()
    )
    return outlook(preview, package.credits)
