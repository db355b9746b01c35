"""Pages of lists: the people on them, their import, who must not be contacted, and erasure."""

from flask import Blueprint

blueprint = Blueprint("audience", __name__)

ID = "int(max=9223372036854775807)"  # what a bigint holds; a larger number in an address is 404

from webapp.audience.views import imports, lists, people, recipients, suppression  # noqa: E402, F401
