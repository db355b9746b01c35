"""A file on its way into a list: chosen, its columns told, looked at, confirmed, watched; and its report."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, render_template, request, stream_with_context, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.audience import checking, exporting, places, settings, uploading
from webapp.audience.cells import field_name
from webapp.audience.errors import ImportRefused
from webapp.audience.forms import DoNotContactUploadForm, UploadForm
from webapp.audience.layout import DELIMITERS, ENCODINGS, Layout
from webapp.audience.models import Import, RecipientList
from webapp.audience.rows import FIELD, IGNORE, PHONE
from webapp.audience.summaries import people_of
from webapp.audience.views import ID, blueprint
from webapp.audience.views.found import import_or_404, list_or_404
from webapp.audience.views.lists import download
from webapp.db import db
from webapp.web.htmx import answer, invalid, render, see_other
from webapp.web.polling import polled
from webapp.web.spreadsheets import CSV_MIME, XLSX_MIME, csv_lines, file_name

UPLOAD = ("audience/upload.html", "audience/_upload.html")
PAGE = ("audience/import.html", "audience/_import.html")
UPLOADING = ("audience.upload", "audience.upload_do_not_contact")
FORM_BYTES = 1 << 20  # of a multipart body besides the file
BUSY = ("checking", "running")


def allow_large_uploads() -> None:
    """Before anything reads the body: the pages that take files take larger requests than others."""
    if request.endpoint in UPLOADING and request.method == "POST":
        request.max_content_length = settings.upload_bytes_max() + FORM_BYTES


@blueprint.record_once
def first_of_all(state: BlueprintSetupState) -> None:
    """In front of the check of the form's token, which reads the whole body."""
    state.app.before_request_funcs.setdefault(None, []).insert(0, allow_large_uploads)


@blueprint.get(f"/lists/<{ID}:list_id>/import")
@requires("admin", "marketer")
def choose_file(list_id: int) -> Response:
    return render(*UPLOAD, **upload_page(UploadForm(formdata=None), list_or_404(list_id)))


def upload_page(form: UploadForm, into: RecipientList | None) -> dict[str, object]:
    return {"form": form, "list": into, "megabytes_max": settings.upload_bytes_max() >> 20}


@blueprint.post(f"/lists/<{ID}:list_id>/import")
@requires("admin", "marketer")
def upload(list_id: int) -> Response:
    return take_upload(UploadForm(), list_or_404(list_id), None)


@blueprint.get("/do-not-contact/import")
@requires("admin", "marketer")
def choose_do_not_contact() -> Response:
    return render(*UPLOAD, **upload_page(DoNotContactUploadForm(formdata=None), None))


@blueprint.post("/do-not-contact/import")
@requires("admin", "marketer")
def upload_do_not_contact() -> Response:
    form = DoNotContactUploadForm()
    return take_upload(form, None, str(form["reason"].data))


def take_upload(form: UploadForm, into: RecipientList | None, reason: str | None) -> Response:
    """Keeps the file and goes on to its columns; a file that is no table is told so beside the field."""
    page = upload_page(form, into)
    if not form.validate_on_submit():
        return invalid(*UPLOAD, **page)
    person, file = current_person(), form.file.data
    file.stream.seek(0, 2)
    if file.stream.tell() > settings.upload_bytes_max():
        raise RequestEntityTooLarge
    file.stream.seek(0)
    try:
        task = uploading.upload(
            current_platform().id,
            into.id if into else None,
            file.filename or "",
            file.stream,
            by_id=person.id,
            by_name=person.name,
            now=clock.now(),
            reason=reason,
        )
    except ImportRefused as refused:
        form.file.errors = [refused.sentence]
        return invalid(*UPLOAD, **page)
    return see_other(url_for("audience.show_import", import_id=task.id))


@blueprint.get(f"/imports/<{ID}:import_id>")
@requires("admin", "marketer")
def show_import(import_id: int) -> Response:
    """Where an import stands, and what is to be done next. `?columns=1` goes back to the columns."""
    return render(*PAGE, **import_page(import_or_404(import_id)))


@blueprint.get(f"/imports/<{ID}:import_id>/progress")
@requires("admin", "marketer")
@polled
def import_progress(import_id: int) -> Response:
    """The same, asked by the page itself while a worker is busy with the file."""
    return answer(render_template(PAGE[1], **import_page(import_or_404(import_id))))


def import_page(task: Import, **more: object) -> dict[str, Any]:
    """What the step shows at which the import stands."""
    into = db.session.get(RecipientList, task.list_id) if task.list_id else None
    columns = task.status == "uploaded" or (task.status == "checked" and bool(request.args.get("columns")))
    page: dict[str, Any] = {
        "task": task,
        "list": into,
        "step": "columns" if columns else task.status,
        "busy": task.status in BUSY,
        "refusal": None,
        "proposal": None,
        "reasons": checking.refusals_by_reason(db.session(), task.id),
        "reason_words": exporting.reason_words,
    }
    if columns or "mapping" in more:
        page |= columns_page(task, into)
    return page | more


def columns_page(task: Import, into: RecipientList | None) -> dict[str, Any]:
    proposal = uploading.proposal(task.id)
    return {
        "step": "columns",
        "proposal": proposal,
        "mapping": proposal.mapping,
        "country": task.country or likely_country(into),
        "countries": places.country_choices(),
        "encodings": ENCODINGS,
        "delimiters": DELIMITERS,
        "fields": list(into.fields) if into else [],
        "FIELD": FIELD,
        "PHONE": PHONE,
    }


def likely_country(into: RecipientList | None) -> str:
    countries = people_of(db.session(), [into.id])[into.id].countries if into else ()
    return countries[0][0] if countries else places.likely_country(current_platform().country)


@blueprint.post(f"/imports/<{ID}:import_id>/layout")
@requires("admin", "marketer")
def change_layout(import_id: int) -> Response:
    """Reads the file as the person says it is written."""
    task = import_or_404(import_id)
    try:
        uploading.read_again(
            task.platform_id,
            import_id,
            encoding=request.form.get("encoding", ""),
            delimiter=request.form.get("delimiter", ""),
            sheet=request.form.get("sheet", ""),
            header=bool(request.form.get("header")),
        )
    except ImportRefused as refused:
        return invalid(*PAGE, **import_page(import_or_404(import_id), refusal=refused.sentence))
    return see_other(url_for("audience.show_import", import_id=import_id))


@blueprint.post(f"/imports/<{ID}:import_id>/columns")
@requires("admin", "marketer")
def choose_columns(import_id: int) -> Response:
    """Says what each column is; a worker then reads the file and tells what would happen."""
    task = import_or_404(import_id)
    mapping = mapping_of(Layout.from_json(task.layout))
    country = request.form.get("country", "")
    try:
        uploading.choose_columns(
            task.platform_id, import_id, mapping, country if country in places.known_countries() else None
        )
    except ImportRefused as refused:
        task = import_or_404(import_id)
        if task.status not in ("uploaded", "checked"):
            return see_other(url_for("audience.show_import", import_id=import_id), refused.sentence)
        typed = {"mapping": mapping, "country": country, "refusal": refused.sentence}
        return invalid(*PAGE, **import_page(task, **typed))
    return see_other(url_for("audience.show_import", import_id=import_id))


def mapping_of(layout: Layout) -> list[str]:
    """One word for each column of the form; raises nothing, wrong ones are left out."""
    mapping, place = [], 0
    while f"use-{place}" in request.form and place < 500:
        use = request.form[f"use-{place}"]
        name = field_name(request.form.get(f"name-{place}", "")) or f"column_{place + 1}"
        mapping.append({"phone": PHONE, "field": FIELD + name}.get(use, IGNORE))
        place += 1
    return mapping or [IGNORE] * len(layout.headers)


@blueprint.post(f"/imports/<{ID}:import_id>/confirm")
@requires("admin", "marketer")
def confirm_import(import_id: int) -> Response:
    task = import_or_404(import_id)
    uploading.confirm(task.platform_id, import_id, now=clock.now())
    return see_other(url_for("audience.show_import", import_id=import_id))


@blueprint.post(f"/imports/<{ID}:import_id>/again")
@requires("admin", "marketer")
def run_import_again(import_id: int) -> Response:
    task = import_or_404(import_id)
    uploading.run_again(task.platform_id, import_id)
    return see_other(
        url_for("audience.show_import", import_id=import_id), _("It goes on from where it stopped.")
    )


@blueprint.post(f"/imports/<{ID}:import_id>/withdraw")
@requires("admin", "marketer")
def withdraw_import(import_id: int) -> Response:
    task = import_or_404(import_id)
    uploading.withdraw(task.platform_id, import_id, now=clock.now())
    return see_other(
        url_for("audience.show_import", import_id=import_id),
        _("The import is stopped and the file forgotten."),
    )


@blueprint.get(f"/imports/<{ID}:import_id>/refused.<any(csv,xlsx):kind>")
@requires("admin", "marketer")
def refused_rows(import_id: int, kind: str) -> Response:
    """Every row that is not taken, as it was, with the reason."""
    task = import_or_404(import_id)
    zone = ZoneInfo(current_platform().time_zone)
    sheet = exporting.refusals_sheet(task, Layout.from_json(task.layout).headers, zone)
    name = file_name(_("refused"), task.file_name.rpartition(".")[0] or task.file_name, extension=kind)
    if kind == "csv":
        return download(stream_with_context(line.encode() for line in csv_lines(sheet)), CSV_MIME, name)
    exporting.require_excel_size(max(task.refused, (task.forecast or {}).get("refused", 0)))
    return download(stream_with_context(exporting.xlsx_bytes(sheet)), XLSX_MIME, name)
