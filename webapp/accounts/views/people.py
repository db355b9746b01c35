"""An admin's people: who they are, inviting, changing and removing."""

from flask import Response, flash, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from webapp import clock
from webapp.accounts import letters, people
from webapp.accounts.access import current_person, current_platform, requires
from webapp.accounts.errors import AddressTaken, LastAdmin
from webapp.accounts.forms import InviteForm, PersonForm
from webapp.accounts.models import User
from webapp.accounts.views import blueprint
from webapp.db import db
from webapp.web.htmx import invalid, render, see_other
from webapp.web.lookup import one_or_404


def people_of(platform_id: int) -> list[User]:
    """The people of a platform who were not removed, by name."""
    statement = select(User).where(User.platform_id == platform_id, User.removed_at.is_(None))
    return list(db.session.scalars(statement.order_by(User.name, User.id)).unique())


def own_person_or_404(person_id: int) -> User:
    statement = select(User).where(
        User.id == person_id, User.platform_id == current_platform().id, User.removed_at.is_(None)
    )
    return one_or_404(statement)


def show_link(person: User) -> None:
    """Where no letter leaves the house, whoever invited gets the link to hand on; it is shown once."""
    if not letters.leave_the_house():
        flash(letters.invitation_link(person, letters.public_address()), "link")


def invited(person: User) -> str:
    """Sends the invitation and says so."""
    letters.send(person, "invitation")
    db.session.commit()
    show_link(person)
    if letters.leave_the_house():
        return str(
            _(
                "%(name)s is invited: the letter is on its way to %(email)s.",
                name=person.name,
                email=person.email,
            )
        )
    return str(_("%(name)s is invited. No mail server is set, so pass on the link below.", name=person.name))


PEOPLE = ("accounts/people.html", "accounts/_people.html")
PERSON = ("accounts/person.html", "accounts/_person.html")


@blueprint.get("/people", endpoint="people")
@requires("admin")
def people_page() -> Response:
    return render(*PEOPLE, people=people_of(current_platform().id), form=InviteForm())


@blueprint.post("/people")
@requires("admin")
def invite() -> Response:
    form = InviteForm()
    if form.validate_on_submit():
        try:
            person = people.invite(
                current_platform().id,
                email=form.data["email"],
                name=form.data["name"],
                role=form.data["role"],
            )
            return see_other(url_for("accounts.people"), invited(person))
        except AddressTaken as refusal:
            form.email.errors = [refusal.sentence]
    return invalid(*PEOPLE, people=people_of(current_platform().id), form=form)


@blueprint.get("/people/<int:person_id>")
@requires("admin")
def person(person_id: int) -> Response:
    someone = own_person_or_404(person_id)
    return render(*PERSON, person=someone, form=PersonForm(obj=someone))


@blueprint.post("/people/<int:person_id>")
@requires("admin")
def change_person(person_id: int) -> Response:
    someone = own_person_or_404(person_id)
    form, refused = PersonForm(), None
    if form.validate_on_submit():
        try:
            people.change(
                someone.id, name=form.data["name"], role=form.data["role"], active=bool(form.data["active"])
            )
            return see_other(url_for("accounts.people"), _("Saved: %(name)s.", name=form.data["name"]))
        except LastAdmin as refusal:
            refused = refusal.sentence
    return invalid(*PERSON, person=own_person_or_404(person_id), form=form, refused=refused)


@blueprint.post("/people/<int:person_id>/invite")
@requires("admin")
def invite_again(person_id: int) -> Response:
    someone = people.renew_invitation(own_person_or_404(person_id).id)
    return see_other(url_for("accounts.people"), invited(someone))


@blueprint.post("/people/<int:person_id>/remove")
@requires("admin")
def remove_person(person_id: int) -> Response:
    someone = own_person_or_404(person_id)
    name, own = someone.name, someone.id == current_person().id
    try:
        people.remove(someone.id, now=clock.now())
    except LastAdmin as refusal:
        form = PersonForm(obj=own_person_or_404(person_id))
        return invalid(*PERSON, person=own_person_or_404(person_id), form=form, refused=refusal.sentence)
    where = url_for("security.login") if own else url_for("accounts.people")
    return see_other(where, _("%(name)s was removed.", name=name))
