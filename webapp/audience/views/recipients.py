"""One person on a list: adding, changing, unsubscribing, removing."""

from collections.abc import Mapping

from flask import Response, request, url_for
from flask_babel import gettext as _

from webapp import clock
from webapp.accounts.access import current_person, current_platform, requires
from webapp.audience import places, recipients, suppression
from webapp.audience.errors import AlreadyOnList, FieldRefused, NumberRefused, StaysUnsubscribed, WasErased
from webapp.audience.forms import RecipientForm, ResubscribeForm, new_fields, values_of
from webapp.audience.models import RecipientList
from webapp.audience.summaries import people_of
from webapp.audience.views import ID, blueprint
from webapp.audience.views.found import list_or_404, recipient_or_404
from webapp.db import db
from webapp.web.htmx import invalid, render, see_other

NEW = ("audience/new_recipient.html", "audience/_new_recipient.html")
ONE = ("audience/recipient.html", "audience/_recipient.html")
AGAIN = ("audience/resubscribe.html", "audience/_resubscribe.html")
BY_HAND = "by hand"


@blueprint.get(f"/lists/<{ID}:list_id>/recipients/new")
@requires("admin", "marketer")
def new_recipient(list_id: int) -> Response:
    recipient_list = list_or_404(list_id)
    form = RecipientForm(formdata=None, country=likely_country(recipient_list))
    return render(*NEW, **new_page(recipient_list, form))


def new_page(recipient_list: RecipientList, form: RecipientForm) -> dict[str, object]:
    return {
        "list": recipient_list,
        "form": form,
        "values": values_of(request.form),
        "more": new_fields(request.form),
        "erased": bool(form.wanted_back.data),
        "refusal": None,
    }


def likely_country(recipient_list: RecipientList) -> str:
    """The country most people of the list are in, else that of the platform's time zone."""
    countries = people_of(db.session(), [recipient_list.id])[recipient_list.id].countries
    return countries[0][0] if countries else places.likely_country(current_platform().country)


@blueprint.post(f"/lists/<{ID}:list_id>/recipients/new")
@requires("admin", "marketer")
def add_recipient(list_id: int) -> Response:
    recipient_list, form = list_or_404(list_id), RecipientForm()
    page = new_page(recipient_list, form)
    if not form.validate_on_submit():
        return invalid(*NEW, **page)
    try:
        phone, country = recipients.read_phone(str(form.phone.data), form.country.data or None)
        added = recipients.add_recipient(
            recipient_list.platform_id,
            list_id,
            phone,
            country,
            values_of(request.form),
            now=clock.now(),
            wanted_back=bool(form.wanted_back.data),
        )
    except (NumberRefused, AlreadyOnList) as refused:
        form.phone.errors = [refused.sentence]
        return invalid(*NEW, **page)
    except (FieldRefused, WasErased) as refused:
        erased = isinstance(refused, WasErased)
        return invalid(*NEW, **(page | {"refusal": refused.sentence, "erased": erased}))
    return see_other(
        url_for("audience.show", list_id=list_id), _("%(phone)s is on the list now.", phone=added.e164)
    )


@blueprint.get(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>")
@requires("admin", "marketer")
def recipient(list_id: int, recipient_id: int) -> Response:
    """A person: fields, status, and what was decided about writing to them."""
    return render(*ONE, **person_page(list_id, recipient_id))


def person_page(list_id: int, recipient_id: int, typed: Mapping[str, str] | None = None) -> dict[str, object]:
    """What the page of a person shows: what is kept, or what somebody has typed instead."""
    recipient_list, person = list_or_404(list_id), recipient_or_404(list_id, recipient_id)
    names = dict.fromkeys([*recipient_list.fields, *person.fields])
    return {
        "list": recipient_list,
        "person": person,
        "values": values_of(typed) if typed else {name: person.fields.get(name, "") for name in names},
        "more": new_fields(typed or {}),
        "blocked": suppression.is_blocked(person.platform_id, person.phone),
        "events": recipients.events_of(person.platform_id, person.phone),
        "refusal": None,
    }


@blueprint.post(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>")
@requires("admin", "marketer")
def change_recipient(list_id: int, recipient_id: int) -> Response:
    page = person_page(list_id, recipient_id, request.form)
    try:
        recipients.change_recipient(
            current_platform().id, list_id, recipient_id, values_of(request.form), now=clock.now()
        )
    except FieldRefused as refused:
        return invalid(*ONE, **(page | {"refusal": refused.sentence}))
    return see_other(
        url_for("audience.recipient", list_id=list_id, recipient_id=recipient_id), _("The fields are kept.")
    )


@blueprint.post(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>/unsubscribe")
@requires("admin", "marketer")
def unsubscribe(list_id: int, recipient_id: int) -> Response:
    list_or_404(list_id)
    person = recipient_or_404(list_id, recipient_id)
    by, now = current_person().name, clock.now()
    recipients.unsubscribe(person.platform_id, list_id, recipient_id, reason=BY_HAND, by=by, now=now)
    return see_other(
        url_for("audience.recipient", list_id=list_id, recipient_id=recipient_id),
        _("%(phone)s is unsubscribed from this list.", phone=person.e164),
    )


@blueprint.get(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>/resubscribe")
@requires("admin", "marketer")
def ask_resubscribe(list_id: int, recipient_id: int) -> Response:
    recipient_list, person = list_or_404(list_id), recipient_or_404(list_id, recipient_id)
    return render(*AGAIN, list=recipient_list, person=person, form=ResubscribeForm(formdata=None))


@blueprint.post(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>/resubscribe")
@requires("admin", "marketer")
def resubscribe(list_id: int, recipient_id: int) -> Response:
    recipient_list, person = list_or_404(list_id), recipient_or_404(list_id, recipient_id)
    form = ResubscribeForm()
    if not form.validate_on_submit():
        return invalid(*AGAIN, list=recipient_list, person=person, form=form)
    recipients.resubscribe(
        person.platform_id,
        list_id,
        recipient_id,
        reason=str(form.reason.data),
        by=current_person().name,
        now=clock.now(),
    )
    return see_other(
        url_for("audience.recipient", list_id=list_id, recipient_id=recipient_id),
        _("%(phone)s receives messages to this list again.", phone=person.e164),
    )


@blueprint.post(f"/lists/<{ID}:list_id>/recipients/<{ID}:recipient_id>/remove")
@requires("admin", "marketer")
def remove_recipient(list_id: int, recipient_id: int) -> Response:
    list_or_404(list_id)
    person = recipient_or_404(list_id, recipient_id)
    try:
        phone = recipients.remove_recipient(person.platform_id, list_id, recipient_id)
    except StaysUnsubscribed as refused:
        return invalid(*ONE, **(person_page(list_id, recipient_id) | {"refusal": refused.sentence}))
    return see_other(
        url_for("audience.show", list_id=list_id), _("+%(phone)s is no longer on this list.", phone=phone)
    )
