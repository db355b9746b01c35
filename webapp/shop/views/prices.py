"""The public price page."""

from flask import request
from werkzeug.wrappers import Response

from webapp.accounts.access import public
from webapp.shop.views import blueprint
from webapp.shop.views.price_table import price_table
from webapp.web.htmx import invalid, render


@blueprint.get("/prices")
@public
def prices() -> Response:
    """What sending costs, for a country and a currency, for anybody to read."""
    table = price_table(request.args.get("country"), request.args.get("currency"))
    answer = invalid if table.choice.complaints else render
    return answer("shop/prices.html", "shop/_prices.html", table=table)
