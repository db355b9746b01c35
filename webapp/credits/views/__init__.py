"""Pages of credits: the widget at the foot of every page, setting credits aside, and the ledger."""

from flask import Blueprint

blueprint = Blueprint("credits", __name__)

from webapp.credits.views import assign, ledger, widget  # noqa: E402, F401
