"""Files of reports and of the ledger: asked for, watched while they are made, downloaded."""

import io
from collections.abc import Iterator

from flask import Response, redirect, request, send_file, stream_with_context, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.reports import exports, usage
from webapp.reports.exports import DIRECT_ROWS, Order
from webapp.reports.models import READY, Export
from webapp.reports.views import blueprint
from webapp.reports.views.asked import Asked, asked_for
from webapp.web.htmx import answer, invalid, render, see_other
from webapp.web.lookup import one_or_404
from webapp.web.polling import polled
from webapp.web.spreadsheets import CSV_MIME, XLSX_MIME

MIMES = {"xlsx": XLSX_MIME, "csv": CSV_MIME}
READERS = ("admin", "marketer", "viewer")


@blueprint.get("/reports/export")
@requires(*READERS)
def export() -> Response:
    """The Excel file of a report, at once; a large one is offered to be made in the background."""
    asked = asked_for(request.args, request.args.get("list"), request.args.get("campaign"))
    if asked.refusal is not None:
        return refused(asked)
    order = order_of(asked)
    if order.rows <= DIRECT_ROWS:
        return at_once(order)
    return render("reports/large.html", "reports/_large.html", order=order, action=request.full_path)


@blueprint.post("/reports/export")
@requires(*READERS)
def make() -> Response:
    """Has the file made by a worker, and leads to where it can be watched."""
    asked = asked_for(request.args, request.args.get("list"), request.args.get("campaign"))
    if asked.refusal is not None:
        return refused(asked)
    made = exports.start(order_of(asked), now=clock.now())
    return see_other(url_for("reports.file", export_id=made.id))


@blueprint.get("/reports/files/<int(max=9223372036854775807):export_id>")
@requires(*READERS)
def file(export_id: int) -> Response:
    return shown(export_or_404(export_id), file_urls(export_id))


@blueprint.get("/reports/files/<int(max=9223372036854775807):export_id>/progress")
@requires(*READERS)
@polled
def progress(export_id: int) -> Response:
    """How far a file is; asked for by its page every second until it is there."""
    return shown(export_or_404(export_id), file_urls(export_id))


@blueprint.get("/reports/files/<int(max=9223372036854775807):export_id>/download")
@requires(*READERS)
def download(export_id: int) -> Response:
    return sent(export_or_404(export_id), url_for("reports.file", export_id=export_id))


def shown(export: Export, urls: dict[str, str]) -> Response:
    return render("reports/file.html", "reports/_file.html", file=export, file_urls=urls)


def file_urls(export_id: int) -> dict[str, str]:
    """Where a file's page, its progress and its download are."""
    endpoints = {"page": "reports.file", "progress": "reports.progress", "download": "reports.download"}
    return {name: url_for(endpoint, export_id=export_id) for name, endpoint in endpoints.items()}


def refused(asked: Asked) -> Response:
    return invalid("reports/bad_period.html", "reports/_bad_period.html", sentence=asked.refusal)


def order_of(asked: Asked) -> Order:
    title = " ".join(name for name in (asked.list_name, asked.campaign_name) if name) or _("all lists")
    person = current_person()
    return exports.usage_order(
        asked.scope,
        usage.usage(asked.scope),
        title,
        language=str(get_locale()),
        by_id=person.id,
        by_name=person.name,
    )


def export_or_404(export_id: int) -> Export:
    """A file of this platform that this person may read: the ledger is for admins."""
    statement = select(Export).where(Export.id == export_id, Export.platform_id == current_platform().id)
    statement = statement.where(Export.delete_at > clock.now())
    if current_person().role != "admin":
        statement = statement.where(Export.kind == "usage")
    return one_or_404(statement)


def at_once(order: Order) -> Response:
    """The file of an order, written now and sent."""
    content = io.BytesIO()
    exports.write_order(order, content, now=clock.now())
    content.seek(0)
    return send_file(content, MIMES[order.format], as_attachment=True, download_name=order.file_name)


def sent(export: Export, page: str) -> Response:
    """The download of a file that is ready; before that, its page."""
    if export.status != READY:
        return answer(redirect(page, 303))
    response = Response(stream_with_context(streamed(export.id)), mimetype=MIMES[export.format])
    response.headers.set("Content-Disposition", "attachment", filename=export.file_name)
    response.content_length = export.file_bytes
    return response


def streamed(export_id: int) -> Iterator[bytes]:
    yield from exports.parts(export_id)
