"""Pages of campaigns: the list of them, compose, one campaign, its messages, and the door for receipts."""

from flask import Blueprint

blueprint = Blueprint("campaigns", __name__)

ID = "int(max=9223372036854775807)"  # what a bigint holds; a larger number in an address is 404

from webapp.campaigns.views import campaign, compose, confirming, index, messages, receipts, wording  # noqa: E402, F401
