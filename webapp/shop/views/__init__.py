"""The pages that sell: prices and buying, a platform's orders, and the operator's side of both."""

from flask import Blueprint

from webapp.shop.money import price_each, saving

ID = "int(max=9223372036854775807)"  # what a bigint holds; a larger number in an address is 404

blueprint = Blueprint("shop", __name__)
blueprint.add_app_template_filter(price_each, "price_each")
blueprint.add_app_template_filter(saving, "saving")

from webapp.shop.views import buy, orders, own_orders, packages, prices  # noqa: E402

__all__ = ["blueprint", "buy", "orders", "own_orders", "packages", "prices"]
