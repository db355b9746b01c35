"""Home, by role."""

from flask import Flask, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.accounts.access import current_person, requires
from webapp.accounts.models import ROLES


@requires(*ROLES)
def home() -> str | Response:
    if current_person().role == "operator":
        return redirect(url_for("accounts.platforms"), 303)
    return render_template("home/home.html")


def init_app(app: Flask) -> None:
    app.add_url_rule("/", "accounts.home", home, methods=["GET"])
