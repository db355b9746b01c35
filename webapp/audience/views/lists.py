"""All lists, and one: its people, name, end, and export."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from flask import Response, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.audience import exporting, lists, recipients, summaries
from webapp.audience.errors import NameTaken
from webapp.audience.forms import NameForm
from webapp.audience.models import STATUSES, Import, RecipientList
from webapp.audience.recipients import Filter
from webapp.audience.views import ID, blueprint
from webapp.audience.views.found import list_or_404
from webapp.credits import engine
from webapp.credits.terms import ListBalance
from webapp.db import db
from webapp.web.formats import credits as shown
from webapp.web.htmx import invalid, render, see_other
from webapp.web.paging import paginate
from webapp.web.spreadsheets import CSV_MIME, XLSX_MIME, csv_lines, file_name

SEARCH_CHARACTERS = 100
IMPORTS_SHOWN = 5


@blueprint.get("/lists")
@requires("admin", "marketer")
def index() -> Response:
    """Every list of the platform: people, countries, credits, last campaign; `?q=` finds by name."""
    platform, sought = current_platform(), request.args.get("q", "").strip()[:SEARCH_CHARACTERS]
    query = select(RecipientList).where(
        RecipientList.platform_id == platform.id, RecipientList.deleted_at.is_(None)
    )
    if sought:
        query = query.where(RecipientList.name.ilike(f"%{recipients.escaped(sought)}%"))
    page = paginate(query.order_by(func.lower(RecipientList.name), RecipientList.id))
    list_ids = [each.id for each in page.rows]
    return render(
        "audience/index.html",
        "audience/_lists.html",
        page=page,
        sought=sought,
        people=summaries.people_of(db.session(), list_ids),
        access=access_of(platform.id),
        last=summaries.last_campaigns(db.session(), list_ids),
    )


def access_of(platform_id: int) -> dict[int, ListBalance]:
    return {each.list_id: each for each in engine.balance(platform_id, now=clock.now()).lists}


@blueprint.get("/lists/new")
@requires("admin", "marketer")
def new_list() -> Response:
    return render("audience/new_list.html", "audience/_new_list.html", form=NameForm(formdata=None))


@blueprint.post("/lists/new")
@requires("admin", "marketer")
def create_list() -> Response:
    form = NameForm()
    if form.validate_on_submit():
        try:
            made = lists.create_list(current_platform().id, str(form.name.data), now=clock.now())
        except NameTaken as refused:
            form.name.errors = [refused.sentence]
        else:
            return see_other(
                url_for("audience.show", list_id=made.id), _("The list is there. Now add people.")
            )
    return invalid("audience/new_list.html", "audience/_new_list.html", form=form)


@blueprint.get(f"/lists/<{ID}:list_id>")
@requires("admin", "marketer")
def show(list_id: int) -> Response:
    """A list and its people: searched by number or value, by status and country."""
    recipient_list, session = list_or_404(list_id), db.session()
    wanted = asked_filter()
    people = summaries.people_of(session, [list_id])[list_id]
    page = paginate(recipients.matching(list_id, wanted), total=None if wanted else people.total)
    return render(
        "audience/list.html",
        "audience/_people.html",
        list=recipient_list,
        wanted=wanted,
        people=people,
        page=page,
        blocked=summaries.do_not_contact_on(session, recipient_list.platform_id, list_id),
        blocked_phones=exporting.blocked_among(recipient_list.platform_id, [row.phone for row in page.rows]),
        access=access_of(recipient_list.platform_id).get(list_id),
        last=summaries.last_campaigns(session, [list_id]).get(list_id),
        imports=imports_of(list_id),
        xlsx_rows_max=exporting.XLSX_ROWS_MAX,
    )


def asked_filter() -> Filter:
    """What the address asks to see; anything unknown in it counts as nothing."""
    status, country = request.args.get("status", ""), request.args.get("country", "").upper()
    return Filter(
        text=request.args.get("q", "").replace("\x00", "").strip()[:SEARCH_CHARACTERS],
        status=status if status in STATUSES else "",
        country=country if len(country) == 2 and country.isascii() and country.isalpha() else "",
    )


def imports_of(list_id: int) -> list[Import]:
    found = select(Import).where(Import.list_id == list_id).order_by(Import.id.desc()).limit(IMPORTS_SHOWN)
    return list(db.session.scalars(found))


@blueprint.get(f"/lists/<{ID}:list_id>/name")
@requires("admin", "marketer")
def edit_name(list_id: int) -> Response:
    recipient_list = list_or_404(list_id)
    form = NameForm(formdata=None, name=recipient_list.name)
    return render("audience/name.html", "audience/_name.html", list=recipient_list, form=form)


@blueprint.post(f"/lists/<{ID}:list_id>/name")
@requires("admin", "marketer")
def rename(list_id: int) -> Response:
    recipient_list, form = list_or_404(list_id), NameForm()
    if form.validate_on_submit():
        try:
            lists.rename_list(recipient_list.platform_id, list_id, str(form.name.data))
        except NameTaken as refused:
            form.name.errors = [refused.sentence]
        else:
            return see_other(url_for("audience.show", list_id=list_id), _("The list has its new name."))
    return invalid("audience/name.html", "audience/_name.html", list=recipient_list, form=form)


@blueprint.get(f"/lists/<{ID}:list_id>/delete")
@requires("admin", "marketer")
def ask_delete(list_id: int) -> str:
    """What deleting would do, before it is done."""
    recipient_list = list_or_404(list_id)
    return render_template(
        "audience/delete.html",
        list=recipient_list,
        people=summaries.people_of(db.session(), [list_id])[list_id],
        access=access_of(recipient_list.platform_id).get(list_id),
    )


@blueprint.post(f"/lists/<{ID}:list_id>/delete")
@requires("admin", "marketer")
def delete_list(list_id: int) -> Response:
    recipient_list = list_or_404(list_id)
    done = lists.delete_list(recipient_list.platform_id, list_id, actor=current_actor(), now=clock.now())
    words = _("“%(name)s” is deleted.", name=done.name)
    if done.credits_returned:
        returned = _("%(credits)s credits are unassigned again.", credits=shown(done.credits_returned))
        words = f"{words} {returned}"
    return see_other(url_for("audience.index"), words)


@blueprint.get(f"/lists/<{ID}:list_id>/export.<any(csv,xlsx):kind>")
@requires("admin", "marketer")
def export(list_id: int, kind: str) -> Response:
    """The people of a list, or those the filter finds, with all their fields."""
    recipient_list, wanted = list_or_404(list_id), asked_filter()
    zone = ZoneInfo(current_platform().time_zone)
    sheet = exporting.people_sheet(recipient_list, wanted, zone)
    name = file_name(recipient_list.name, clock.now().strftime("%Y-%m-%d"), extension=kind)
    if kind == "csv":
        return download(stream_with_context(line.encode() for line in csv_lines(sheet)), CSV_MIME, name)
    exporting.require_excel_size(exporting.count(recipient_list, wanted))
    return download(stream_with_context(exporting.xlsx_bytes(sheet)), XLSX_MIME, name)


def download(content: Iterator[bytes], kind: str, name: str) -> Response:
    """A file to be kept."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, mimetype=None, content_type=kind, headers=headers)
