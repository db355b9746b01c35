"""Home, people and platforms."""

from flask import Blueprint, render_template

from webapp.accounts.access import requires
from webapp.accounts.models import PLATFORM_ROLES

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/")
@requires("operator", *PLATFORM_ROLES)
def home() -> str:
    return render_template("accounts/home.html")
