"""What an admin chooses for the platform."""

from flask import Response, url_for
from flask_babel import gettext as _

from webapp.accounts import platforms
from webapp.accounts.access import current_platform, requires
from webapp.accounts.errors import NameTaken
from webapp.accounts.forms import PlatformForm
from webapp.accounts.views import blueprint
from webapp.web.htmx import invalid, render, see_other

PAGE = ("accounts/platform.html", "accounts/_platform.html")


@blueprint.get("/platform", endpoint="platform")
@requires("admin")
def platform_page() -> Response:
    return render(*PAGE, form=PlatformForm(obj=current_platform()))


@blueprint.post("/platform")
@requires("admin")
def change_platform() -> Response:
    form = PlatformForm()
    if form.validate_on_submit():
        try:
            platforms.change(
                current_platform().id,
                name=form.data["name"],
                time_zone=form.data["time_zone"],
                currency=form.data["currency"],
                language=form.data["language"],
                burn_order=form.data["burn_order"],
            )
            return see_other(url_for("accounts.platform"), _("Saved. It counts from now on."))
        except NameTaken as refusal:
            form.name.errors = [refusal.sentence]
    return invalid(*PAGE, form=form)
