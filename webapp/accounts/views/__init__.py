"""The pages of people and platforms. Thin: read the form, call the use case, draw."""

from flask import Blueprint

blueprint = Blueprint("accounts", __name__)

from webapp.accounts.views import invitation, operator, people, platform  # noqa: E402, F401
