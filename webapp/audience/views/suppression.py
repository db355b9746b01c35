"""The do-not-contact list of the platform."""

from zoneinfo import ZoneInfo

from flask import Response, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Text, cast, func, select

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.audience import exporting, places, suppression
from webapp.audience.errors import NumberRefused
from webapp.audience.forms import DoNotContactForm, ReasonForm
from webapp.audience.models import DoNotContact
from webapp.audience.recipients import read_phone
from webapp.audience.views import ID, blueprint
from webapp.audience.views.lists import SEARCH_CHARACTERS, download
from webapp.db import db
from webapp.web.htmx import invalid, render, see_other
from webapp.web.lookup import one_or_404
from webapp.web.paging import paginate
from webapp.web.spreadsheets import CSV_MIME, XLSX_MIME, csv_lines, file_name

PAGE = ("audience/do_not_contact.html", "audience/_do_not_contact.html")
WRONG_SHOWN = 10


@blueprint.get("/do-not-contact")
@requires("admin", "marketer")
def do_not_contact() -> Response:
    """Everybody the platform must not write to; `?q=` finds by part of the number."""
    country = places.likely_country(current_platform().country)
    return render(*PAGE, **page_of(DoNotContactForm(formdata=None, country=country)))


def page_of(form: DoNotContactForm) -> dict[str, object]:
    sought = request.args.get("q", "").strip()[:SEARCH_CHARACTERS]
    digits = "".join(filter(str.isdigit, sought)).removeprefix("00")
    query = select(DoNotContact).where(DoNotContact.platform_id == current_platform().id)
    if sought:
        query = query.where(
            cast(DoNotContact.phone, Text).like(f"%{digits}%") if digits else DoNotContact.phone < 0
        )
    page = paginate(query.order_by(DoNotContact.created_at.desc(), DoNotContact.phone))
    return {"page": page, "sought": sought, "form": form}


@blueprint.post("/do-not-contact")
@requires("admin", "marketer")
def add_do_not_contact() -> Response:
    """Puts numbers on the list: all of them, or none when one cannot be read."""
    form = DoNotContactForm()
    if form.validate_on_submit():
        phones, wrong = read_lines(str(form.phones.data), form.country.data or None)
        if not wrong:
            return added(phones, str(form.reason.data))
        form.phones.errors = wrong
    return invalid(*PAGE, **page_of(form))


def read_lines(text: str, country: str | None) -> tuple[list[int], list[str]]:
    """The numbers, one on each line, and what is wrong with others."""
    phones, wrong = [], []
    for line in filter(str.strip, text.splitlines()):
        try:
            phones.append(read_phone(line, country)[0])
        except NumberRefused as refused:
            wrong.append(f"{line.strip()[:40]}: {refused.sentence}")
    more = [_("and %(number)s more", number=len(wrong) - WRONG_SHOWN)] if len(wrong) > WRONG_SHOWN else []
    return phones, wrong[:WRONG_SHOWN] + more


def added(phones: list[int], reason: str) -> Response:
    new = suppression.do_not_contact(
        current_platform().id, phones, reason=reason, by=current_person().name, now=clock.now()
    )
    words = ngettext("%(num)s number added.", "%(num)s numbers added.", new)
    if known := len(set(phones)) - new:
        words += " " + ngettext(
            "%(num)s was on the list already.", "%(num)s were on the list already.", known
        )
    return see_other(url_for("audience.do_not_contact"), words)


@blueprint.get(f"/do-not-contact/<{ID}:phone>/remove")
@requires("admin", "marketer")
def ask_allow_contact(phone: int) -> str:
    entry = entry_or_404(phone)
    return render_template("audience/allow_contact.html", entry=entry, form=ReasonForm(formdata=None))


@blueprint.post(f"/do-not-contact/<{ID}:phone>/remove")
@requires("admin", "marketer")
def allow_contact(phone: int) -> Response:
    """Takes a number off the list, with the reason."""
    entry, form = entry_or_404(phone), ReasonForm()
    if not form.validate_on_submit():
        return invalid("audience/allow_contact.html", "audience/_allow_contact.html", entry=entry, form=form)
    suppression.allow_contact(
        entry.platform_id, phone, reason=str(form.reason.data), by=current_person().name, now=clock.now()
    )
    return see_other(
        url_for("audience.do_not_contact"), _("+%(phone)s may be written to again.", phone=phone)
    )


def entry_or_404(phone: int) -> DoNotContact:
    return one_or_404(
        select(DoNotContact).where(
            DoNotContact.platform_id == current_platform().id, DoNotContact.phone == phone
        )
    )


@blueprint.get("/do-not-contact/export.<any(csv,xlsx):kind>")
@requires("admin", "marketer")
def export_do_not_contact(kind: str) -> Response:
    platform = current_platform()
    sheet = exporting.do_not_contact_sheet(platform.id, ZoneInfo(platform.time_zone))
    name = file_name(_("do-not-contact"), clock.now().strftime("%Y-%m-%d"), extension=kind)
    if kind == "csv":
        return download(stream_with_context(line.encode() for line in csv_lines(sheet)), CSV_MIME, name)
    counted = select(func.count()).where(DoNotContact.platform_id == platform.id)
    exporting.require_excel_size(db.session.scalar(counted) or 0)
    return download(stream_with_context(exporting.xlsx_bytes(sheet)), XLSX_MIME, name)
