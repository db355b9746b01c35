"""Pages of reports. `usage` shows the figures, `files` hands them out, `ledger` those of the ledger."""

from datetime import date

from flask import Blueprint
from flask_babel import format_date

blueprint = Blueprint("reports", __name__)


@blueprint.app_template_filter("month_name")
def month_name(month: date) -> str:
    """A month and its year: November 2026."""
    return str(format_date(month, "LLLL y"))


from webapp.reports.views import files, ledger, usage  # noqa: E402, F401
