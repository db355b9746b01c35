"""The operator's platforms: creating them, looking into them, granting and adjusting credits."""

import secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from webapp import clock
from webapp.accounts import people, platforms
from webapp.accounts.access import current_actor, platform_or_404, requires
from webapp.accounts.errors import AddressTaken, NameTaken
from webapp.accounts.forms import AdjustForm, GrantForm, InviteForm, NewPlatformForm
from webapp.accounts.models import Platform, User
from webapp.accounts.views import blueprint
from webapp.accounts.views.people import invited, people_of
from webapp.credits import engine
from webapp.db import db
from webapp.errors import Refused
from webapp.web.formats import credits as shown
from webapp.web.formats import day
from webapp.web.htmx import invalid, render, see_other
from webapp.web.lookup import one_or_404
from webapp.web.paging import paginate

PER_PAGE = 25
USE_DAYS = 30
LIST = ("accounts/platforms.html", "accounts/_platforms.html")
NEW = ("accounts/new_platform.html", "accounts/_new_platform.html")
ONE = ("accounts/operator_platform.html", "accounts/_operator_platform.html")


def spent_lately(platform: Platform, now: datetime) -> int:
    """Credits charged in the last 30 days, the platform's own."""
    today = now.astimezone(ZoneInfo(platform.time_zone)).date()
    return engine.usage(platform.id, from_on=today - timedelta(days=USE_DAYS - 1), to_on=today).total.credits


def summary(platform: Platform, now: datetime) -> dict[str, object]:
    """A line of the table: the platform with its balance and use."""
    balance = engine.balance(platform.id, now=now)
    return {"platform": platform, "balance": balance, "spent": spent_lately(platform, now)}


def head_counts(platform_ids: list[int]) -> dict[int, int]:
    """How many people may sign in to each platform."""
    statement = (
        select(User.platform_id, func.count())
        .where(User.platform_id.in_(platform_ids), User.active)
        .group_by(User.platform_id)
    )
    return {row[0]: row[1] for row in db.session.execute(statement) if row[0]}


@blueprint.get("/operator/platforms", endpoint="platforms")
@requires("operator")
def platforms_page() -> Response:
    wanted = request.args.get("name", "").strip()
    statement = select(Platform).order_by(func.lower(Platform.name), Platform.id)
    if wanted:
        statement = statement.where(Platform.name.icontains(wanted, autoescape=True))
    page, now = paginate(statement, per_page=PER_PAGE), clock.now()
    return render(
        *LIST,
        page=page,
        rows=[summary(platform, now) for platform in page.rows],
        heads=head_counts([platform.id for platform in page.rows]),
        wanted=wanted,
    )


@blueprint.get("/operator/platforms/new")
@requires("operator")
def new_platform() -> Response:
    return render(*NEW, form=NewPlatformForm())


@blueprint.post("/operator/platforms/new")
@requires("operator")
def create_platform() -> Response:
    form = NewPlatformForm()
    if form.validate_on_submit():
        fields = {name: field.data for name, field in form._fields.items() if name != "csrf_token"}
        try:
            platform, admin = platforms.create(**fields)
            return see_other(url_for("accounts.operator_platform", platform_id=platform.id), invited(admin))
        except NameTaken as refusal:
            form.name.errors = [refusal.sentence]
        except AddressTaken as refusal:
            form.admin_email.errors = [refusal.sentence]
    return invalid(*NEW, form=form)


def context_of(platform: Platform, **forms: object) -> dict[str, object]:
    """What the operator's page of one platform shows. A form that was refused is handed in by its name."""
    now = clock.now()
    balance = engine.balance(platform.id, now=now)
    given: dict[str, object] = {
        "grant_form": GrantForm(formdata=None),
        "adjust_form": AdjustForm(formdata=None),
        "invite_form": InviteForm(formdata=None, role="admin"),
        "once": secrets.token_urlsafe(16),
    }
    context = given | forms
    adjust = context["adjust_form"]
    if isinstance(adjust, AdjustForm):
        adjust.offer(lots_of(balance))
    return context | {
        "platform": platform,
        "balance": balance,
        "spent": spent_lately(platform, now),
        "people": people_of(platform.id),
    }


def lots_of(balance: engine.Balance) -> list[tuple[int, str]]:
    """The lots that may be lowered, in words."""
    return [
        (
            lot.id,
            _(
                "Lot %(id)s: %(left)s left, %(until)s",
                id=lot.id,
                left=shown(lot.credits_left),
                until=until(lot),
            ),
        )
        for lot in balance.lots
        if lot.credits_left > 0
    ]


def until(lot: engine.LotBalance) -> str:
    return str(_("expires %(day)s", day=day(lot.expires_on))) if lot.expires_on else str(_("never expires"))


@blueprint.get("/operator/platforms/<int:platform_id>")
@requires("operator")
def operator_platform(platform_id: int) -> Response:
    return render(*ONE, **context_of(platform_or_404(platform_id)))


def once() -> str:
    """The key under which this form acts once, however often it is sent."""
    return request.form.get("once", "")[:64] or secrets.token_urlsafe(16)


@blueprint.post("/operator/platforms/<int:platform_id>/grant")
@requires("operator")
def grant(platform_id: int) -> Response:
    platform, form, refused = platform_or_404(platform_id), GrantForm(), None
    if form.validate_on_submit():
        try:
            engine.grant(
                platform.id,
                form.data["credits"],
                expires_on=form.data["expires_on"],
                reason=form.data["reason"].strip(),
                actor=current_actor(),
                now=clock.now(),
                key=f"grant:{once()}",
            )
            said = _(
                "%(credits)s credits were granted to %(name)s.",
                credits=shown(form.data["credits"]),
                name=platform.name,
            )
            return see_other(url_for("accounts.operator_platform", platform_id=platform.id), said)
        except Refused as refusal:
            refused = refusal.sentence
    return invalid(*ONE, **context_of(platform, grant_form=form, grant_refused=refused))


@blueprint.post("/operator/platforms/<int:platform_id>/adjust")
@requires("operator")
def adjust(platform_id: int) -> Response:
    platform, form, refused = platform_or_404(platform_id), AdjustForm(), None
    form.offer(lots_of(engine.balance(platform.id, now=clock.now())))
    if form.validate_on_submit():
        try:
            engine.adjust(
                platform.id,
                form.data["lot"],
                form.data["credits"],
                reason=form.data["reason"].strip(),
                actor=current_actor(),
                now=clock.now(),
                key=f"adjust:{once()}",
            )
            said = _(
                "%(credits)s credits were taken off lot %(lot)s.",
                credits=shown(form.data["credits"]),
                lot=form.data["lot"],
            )
            return see_other(url_for("accounts.operator_platform", platform_id=platform.id), said)
        except Refused as refusal:
            refused = refusal.sentence
    return invalid(*ONE, **context_of(platform, adjust_form=form, adjust_refused=refused))


@blueprint.post("/operator/platforms/<int:platform_id>/people")
@requires("operator")
def invite_to_platform(platform_id: int) -> Response:
    """An operator may always invite somebody: that is the way back in when a platform's admin is lost."""
    platform, form = platform_or_404(platform_id), InviteForm()
    if form.validate_on_submit():
        try:
            person = people.invite(
                platform.id, email=form.data["email"], name=form.data["name"], role=form.data["role"]
            )
            return see_other(url_for("accounts.operator_platform", platform_id=platform.id), invited(person))
        except AddressTaken as refusal:
            form.email.errors = [refusal.sentence]
    return invalid(*ONE, **context_of(platform, invite_form=form))


@blueprint.post("/operator/platforms/<int:platform_id>/people/<int:person_id>/invite")
@requires("operator")
def invite_again_to_platform(platform_id: int, person_id: int) -> Response:
    platform = platform_or_404(platform_id)
    someone = one_or_404(select(User).where(User.id == person_id, User.platform_id == platform.id))
    renewed = people.renew_invitation(someone.id)
    return see_other(url_for("accounts.operator_platform", platform_id=platform.id), invited(renewed))
