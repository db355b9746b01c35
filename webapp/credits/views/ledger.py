"""The ledger: every movement in plain words, filtered, a page at a time. Read-only, the operator's too."""

from zoneinfo import ZoneInfo

from flask import Response, abort, request, url_for
from sqlalchemy import select

from webapp import clock
from webapp.accounts.access import current_platform, requires
from webapp.accounts.models import Platform
from webapp.credits import movements
from webapp.credits.ledger_filters import Asked, asked_for, text_of
from webapp.credits.movement_parts import Movement
from webapp.credits.movements import LedgerPage
from webapp.credits.sentences import KINDS, kind_name, told
from webapp.credits.terms import Subject
from webapp.credits.views import blueprint
from webapp.credits.views.links import subject_url
from webapp.web.htmx import invalid, render, wants_fragment
from webapp.web.lookup import one_or_404

PAGE, FRAGMENT = "credits/ledger.html", "credits/_ledger.html"


@blueprint.get("/ledger")
@requires("admin")
def ledger() -> Response:
    platform = current_platform()
    return shown(platform, url_for("credits.ledger"), url_for("reports.export_ledger"), operator=False)


@blueprint.get("/operator/platforms/<int(max=9223372036854775807):platform_id>/ledger")
@requires("operator")
def platform_ledger(platform_id: int) -> Response:
    """The same of any platform; nothing can be changed from it."""
    platform = one_or_404(select(Platform).where(Platform.id == platform_id))
    address = url_for("credits.platform_ledger", platform_id=platform.id)
    export = url_for("reports.export_platform_ledger", platform_id=platform.id)
    return shown(platform, address, export, operator=True)


def shown(platform: Platform, address: str, export: str, *, operator: bool) -> Response:
    asked = asked_for(request.args, ZoneInfo(platform.time_zone), clock.now())
    lists, campaigns = movements.lists_of(platform.id), movements.campaigns_of(platform.id)
    check_owned(asked, lists)
    found = movements.page_of(platform.id, asked.filters, asked.before) if not asked.refusal else nothing()
    return (invalid if asked.refusal else render)(
        PAGE,
        FRAGMENT,
        platform=platform,
        asked=asked,
        typed=request.args,
        address=address,
        export=export,
        operator=operator,
        kinds=[(kind, kind_name(kind)) for kind in KINDS],
        lists=lists,
        campaigns=campaigns,
        found=found,
        told=lambda movement: told(movement, found.list_names),
        link=(lambda movement: None) if operator else link,
        older=text_of(found.older) if found.older else None,
        is_fragment=wants_fragment(),
    )


def nothing() -> LedgerPage:
    return LedgerPage((), {}, None)


def check_owned(asked: Asked, lists: list[tuple[int, str, bool]]) -> None:
    """A list of another platform is no list: 404."""
    wanted = asked.filters.list_id
    if wanted is not None and wanted not in {list_id for list_id, _name, _deleted in lists}:
        abort(404)


def link(movement: Movement) -> str | None:
    """The page of what a movement was for."""
    if movement.subject_kind is None or movement.subject_id is None:
        return None
    return subject_url(Subject(movement.subject_kind, movement.subject_id))
