"""Whether this process can do its work, for load balancers and for `sms-credits run`."""

from flask import Blueprint
from sqlalchemy import text

from webapp.accounts.access import public
from webapp.db import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
@public
def health() -> tuple[str, int, dict[str, str]]:
    """`ok` when the database answers; else the error page of a failure."""
    db.session.execute(text("SELECT 1"))
    return "ok\n", 200, {"Content-Type": "text/plain", "Cache-Control": "no-store"}
