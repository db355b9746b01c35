"""A person by number, on every list of the platform: finding, and erasing on request."""

from flask import Response, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.audience import erasure, places, recipients, suppression
from webapp.audience.errors import NumberRefused
from webapp.audience.forms import EraseForm, FindForm
from webapp.audience.models import RecipientList
from webapp.audience.views import blueprint
from webapp.db import db
from webapp.web.htmx import invalid, render, see_other

PAGE = ("audience/find.html", "audience/_find.html")


@blueprint.get("/recipients")
@requires("admin", "marketer")
def find_person() -> Response:
    """Where a number is; `?phone=` and `?country=`."""
    asked = request.args if request.args.get("phone") else None
    form = FindForm(asked, country=places.likely_country(current_platform().country))
    page = found_page(form, asked is not None and form.validate())
    return (invalid if form.errors else render)(*PAGE, **page)


def found_page(form: FindForm, looked: bool) -> dict[str, object]:
    phone = read(form) if looked else None
    page: dict[str, object] = {"form": form, "phone": phone, "erase_form": EraseForm(formdata=None)}
    if phone is None:
        return page
    platform_id = current_platform().id
    found = db.session.execute(recipients.of_number(platform_id, phone)).scalars().all()
    names = dict(
        db.session.execute(
            select(RecipientList.id, RecipientList.name).where(RecipientList.platform_id == platform_id)
        ).all()
    )
    return page | {
        "found": found,
        "names": names,
        "blocked": suppression.is_blocked(platform_id, phone),
        "events": recipients.events_of(platform_id, phone),
    }


def read(form: FindForm) -> int | None:
    try:
        return recipients.read_phone(str(form.phone.data), form.country.data or None)[0]
    except NumberRefused as refused:
        form.phone.errors = [refused.sentence]
        return None


@blueprint.post("/recipients/erase")
@requires("admin")
def erase() -> Response:
    """Erases a person on request, everywhere on the platform."""
    form, confirmed = FindForm(request.form), EraseForm()
    valid = form.validate() and bool(form.phone.data)
    page = found_page(form, valid)
    phone = page["phone"]
    if not isinstance(phone, int) or not confirmed.validate_on_submit():
        return invalid(*PAGE, **(page | {"erase_form": confirmed}))
    done = erasure.erase_phone(current_platform().id, phone, by=current_person().name, now=clock.now())
    words = ngettext(
        "The person is erased: from %(num)s list, and from every record.",
        "The person is erased: from %(num)s lists, and from every record.",
        done.lists,
    )
    if done.files_searched:
        words += " " + _("Files waiting to be imported are being searched; one with the number is withdrawn.")
    return see_other(url_for("audience.find_person"), words)
