"""The ledger as a file: for a platform's admin, and for the operator of the installation."""

from zoneinfo import ZoneInfo

from flask import Response, abort, request, url_for
from flask_babel import get_locale
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_person, current_platform, platform_or_404, requires
from webapp.accounts.models import Platform
from webapp.credits import movements
from webapp.credits.ledger_filters import Asked, asked_for
from webapp.reports import exports
from webapp.reports.exports import DIRECT_ROWS, Order
from webapp.reports.models import Export
from webapp.reports.views import blueprint
from webapp.reports.views.files import MIMES, at_once, sent, shown
from webapp.web.htmx import see_other
from webapp.web.lookup import one_or_404
from webapp.web.polling import polled


@blueprint.post("/ledger/export")
@requires("admin")
def export_ledger() -> Response:
    """The movements that the page shows, as a file: a small one at once, a large one by a worker."""
    order = order_of(current_platform(), asked_of(current_platform()))
    if order.rows <= DIRECT_ROWS:
        return at_once(order)
    made = exports.start(order, now=clock.now())
    return see_other(url_for("reports.file", export_id=made.id))


@blueprint.post("/operator/platforms/<int(max=9223372036854775807):platform_id>/ledger/export")
@requires("operator")
def export_platform_ledger(platform_id: int) -> Response:
    platform = platform_or_404(platform_id)
    order = order_of(platform, asked_of(platform))
    if order.rows <= DIRECT_ROWS:
        return at_once(order)
    made = exports.start(order, now=clock.now())
    return see_other(url_for("reports.platform_file", platform_id=platform_id, export_id=made.id))


@blueprint.get(
    "/operator/platforms/<int(max=9223372036854775807):platform_id>/files/<int(max=9223372036854775807):export_id>"
)
@requires("operator")
def platform_file(platform_id: int, export_id: int) -> Response:
    return shown(platform_export_or_404(platform_id, export_id), urls(platform_id, export_id))


@blueprint.get(
    "/operator/platforms/<int(max=9223372036854775807):platform_id>/files/<int(max=9223372036854775807):export_id>/progress"
)
@requires("operator")
@polled
def platform_progress(platform_id: int, export_id: int) -> Response:
    return shown(platform_export_or_404(platform_id, export_id), urls(platform_id, export_id))


@blueprint.get(
    "/operator/platforms/<int(max=9223372036854775807):platform_id>/files/<int(max=9223372036854775807):export_id>/download"
)
@requires("operator")
def platform_download(platform_id: int, export_id: int) -> Response:
    return sent(platform_export_or_404(platform_id, export_id), urls(platform_id, export_id)["page"])


def urls(platform_id: int, export_id: int) -> dict[str, str]:
    endpoints = {"page": "platform_file", "progress": "platform_progress", "download": "platform_download"}
    return {
        name: url_for(f"reports.{endpoint}", platform_id=platform_id, export_id=export_id)
        for name, endpoint in endpoints.items()
    }


def platform_export_or_404(platform_id: int, export_id: int) -> Export:
    """A file of a platform's ledger, which operators may read."""
    found = select(Export).where(Export.id == export_id, Export.platform_id == platform_id)
    return one_or_404(found.where(Export.kind == "ledger", Export.delete_at > clock.now()))


def asked_of(platform: Platform) -> Asked:
    return asked_for(request.args, ZoneInfo(platform.time_zone), clock.now())


def order_of(platform: Platform, asked: Asked) -> Order:
    """The file of these filters. What is no filter is no file either: 404."""
    if asked.refusal is not None:
        abort(422)
    form = request.args.get("format", "xlsx")
    if form not in MIMES:
        abort(404)
    person = current_person()
    return exports.ledger_order(
        platform.id,
        asked.filters,
        movements.count(platform.id, asked.filters),
        format=form,
        language=str(get_locale()),
        by_id=person.id,
        by_name=person.name,
        today=asked.today,
    )
