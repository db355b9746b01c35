"""Where the link of an invitation leads: choose a password, and come in."""

from flask import Response, render_template, url_for
from flask_login import current_user
from flask_security import login_user, logout_user

from webapp.accounts import invitations, people
from webapp.accounts.access import public
from webapp.accounts.errors import InvitationOver
from webapp.accounts.forms import AcceptForm
from webapp.accounts.views import blueprint
from webapp.db import transaction
from webapp.web.htmx import answer, see_other

PAGE = "accounts/invitation.html"


@blueprint.get("/invitation/<token>")
@public
def invitation(token: str) -> Response:
    try:
        person = invitations.invited(token)
    except InvitationOver as refusal:
        return over(refusal)
    return answer(render_template(PAGE, form=AcceptForm(), person=person))


@blueprint.post("/invitation/<token>")
@public
def accept(token: str) -> Response:
    form = AcceptForm()
    try:
        person = invitations.invited(token)
        if not form.validate_on_submit():
            return answer((render_template(PAGE, form=form, person=person), 422))
        return come_in(person.id, person.fs_uniquifier, str(form.password.data))
    except InvitationOver as refusal:
        return over(refusal)


def come_in(person_id: int, uniquifier: str, password: str) -> Response:
    """Uses the link up and signs in; whoever was signed in in this browser is signed out first."""
    if current_user.is_authenticated:
        logout_user()
    with transaction():
        login_user(people.accept(person_id, uniquifier, password), authn_via=["password"])
    return see_other(url_for("accounts.home"))


def over(refusal: InvitationOver) -> Response:
    """The link was good once: 410, with the way out."""
    return answer((render_template("accounts/invitation_over.html", sentence=refusal.sentence), 410))
