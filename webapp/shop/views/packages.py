"""The operator's packages: put on sale, changed by new terms, retired."""

from flask import abort, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import clock
from webapp.accounts.access import current_actor, requires
from webapp.shop.forms import PackageForm
from webapp.shop.offers import not_cheaper
from webapp.shop.packages import (
    Listed,
    PackageRefused,
    change_package,
    create_package,
    history,
    listed_package,
    listed_packages,
    retire_package,
)
from webapp.shop.views import ID, blueprint
from webapp.web.errors import status_of
from webapp.web.htmx import invalid, render, see_other

NEW = ("shop/new_package.html", "shop/_new_package.html")
ONE = ("shop/package.html", "shop/_package.html")


@blueprint.get("/operator/packages")
@requires("operator")
def packages() -> Response:
    """What is on sale and what was, with a warning where a larger one is not cheaper per credit."""
    listed = listed_packages()
    on_sale = [each.for_sale() for each in listed if each.package.retired_at is None]
    return render("shop/packages.html", "shop/_packages.html", listed=listed, warnings=not_cheaper(on_sale))


@blueprint.get("/operator/packages/new")
@requires("operator")
def new_package() -> Response:
    return render(*NEW, form=PackageForm(formdata=None), refusal=None)


@blueprint.post("/operator/packages/new")
@requires("operator")
def add_package() -> Response:
    form = PackageForm()
    if not form.validate_on_submit():
        return invalid(*NEW, form=form, refusal=None)
    try:
        create_package(form.terms(), actor=current_actor(), now=clock.now())
    except PackageRefused as refused:
        return _refused(refused, NEW, form=form)
    return see_other(url_for("shop.packages"), _("The package is on sale."))


@blueprint.get(f"/operator/packages/<{ID}:package_id>")
@requires("operator")
def package(package_id: int) -> Response:
    """One package: its terms to change, and all it ever had."""
    listed = _listed_or_404(package_id)
    return render(*ONE, listed=listed, form=PackageForm.of(listed), history=history(package_id), refusal=None)


@blueprint.post(f"/operator/packages/<{ID}:package_id>")
@requires("operator")
def save_package(package_id: int) -> Response:
    listed, form = _listed_or_404(package_id), PackageForm()
    if not form.validate_on_submit():
        return invalid(*ONE, listed=listed, form=form, history=history(package_id), refusal=None)
    try:
        change_package(
            package_id, form.terms(), seen_terms_id=form.seen.data, actor=current_actor(), now=clock.now()
        )
    except PackageRefused as refused:
        listed = _listed_or_404(package_id)
        form.seen.data = listed.terms.id  # the page now shows these, so that saving again is meant
        return _refused(refused, ONE, listed=listed, form=form, history=history(package_id))
    return see_other(url_for("shop.packages"), _("Saved. Orders made before keep their price."))


@blueprint.post(f"/operator/packages/<{ID}:package_id>/retire")
@requires("operator")
def retire(package_id: int) -> Response:
    _listed_or_404(package_id)
    retire_package(package_id, actor=current_actor(), now=clock.now())
    return see_other(url_for("shop.packages"), _("The package is retired. Orders made before stay valid."))


def _listed_or_404(package_id: int) -> Listed:
    return listed_package(package_id) or abort(404)


def _refused(refused: PackageRefused, templates: tuple[str, str], **context: object) -> Response:
    answer = invalid(*templates, refusal=refused.sentence, **context)
    answer.status_code = status_of(refused)
    return answer
