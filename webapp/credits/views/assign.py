"""Setting credits aside for lists: all fields of the page at once, or nothing of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import Response, request, url_for

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.credits import engine, movements
from webapp.credits.assign_page import Stale, outcome_of, rows_of, stale_lists
from webapp.credits.expiry import day_in
from webapp.credits.forms import AssignForm, Wanted, credits_typed, key_of, wanted_of
from webapp.credits.terms import Balance
from webapp.credits.views import blueprint
from webapp.credits.widget import PACE_DAYS
from webapp.db import transaction
from webapp.errors import Refused
from webapp.web.errors import status_of
from webapp.web.formats import credits as told
from webapp.web.htmx import invalid, render, see_other
from webapp.web.paging import Page, page_number
from webapp.web.redirects import local_path
from webapp.web.words import gettext as _
from webapp.web.words import ngettext

PAGE, FRAGMENT = "credits/assign.html", "credits/_assign.html"
LISTS_PER_PAGE = 500


class OutOfDate(Refused):
    """The page had shown something else than there is; nothing was changed."""

    slug = "wrong-state"

    def __init__(self, stale: list[Stale]) -> None:
        super().__init__("The page is out of date.")
        self.stale = stale


@blueprint.get("/assign")
@requires("admin")
def assign() -> Response:
    return render(PAGE, FRAGMENT, **page(need=needed()))


@blueprint.post("/assign/preview")
@requires("admin")
def preview_access() -> Response:
    """What saving these fields would lead to; changes nothing."""
    wanted, balance = wanted_of(request.form), engine.balance(current_platform().id, now=clock.now())
    outcome = outcome_of(balance, live_changes(wanted, balance))
    names = {list_id: name for list_id, name, _deleted in movements.lists_of(current_platform().id)}
    return render("credits/_totals.html", "credits/_totals.html", outcome=outcome, names=names)


@blueprint.post("/assign")
@requires("admin")
def save_access() -> Response:
    """Saves every field that was changed, or refuses all of them with the numbers."""
    form, wanted = AssignForm(), wanted_of(request.form)
    key = key_of(form.key.data)
    if not form.validate_on_submit() or key is None or wanted.errors:
        sentence = (
            _("Some fields cannot be read. Nothing was saved.")
            if wanted.errors
            else _("Load the page again.")
        )
        return invalid(PAGE, FRAGMENT, **page(wanted, refusal=sentence))
    if not wanted.changes:
        return see_other(here(), _("Nothing was changed."))
    try:
        done = save(wanted, key)
    except (Refused, OutOfDate) as refused:
        response = invalid(PAGE, FRAGMENT, **page(wanted, refusal=sentence_of(refused), key=key))
        response.status_code = status_of(refused)
        return response
    number = len(wanted.changes)
    said = ngettext("%(num)s list was changed.", "%(num)s lists were changed.", number)
    left = _("%(credits)s credits are unassigned.", credits=told(done.unassigned))
    return see_other(back() or here(), f"{said} {left}")


@blueprint.post("/assign/free")
@requires("admin")
def free_all() -> Response:
    """Makes every list free: what they had returns to the unassigned."""
    key = key_of(request.form.get("key"))
    if key is None:
        return invalid(PAGE, FRAGMENT, **page(refusal=_("Load the page again.")))
    done = engine.free(
        current_platform().id, None, actor=current_actor(), now=clock.now(), key=f"free-all:{key}"
    )
    returned = -sum(done.changes.values())
    return see_other(
        back() or url_for("credits.assign"),
        _("All lists are free. %(credits)s credits returned to the unassigned.", credits=told(returned)),
    )


def save(wanted: Wanted, key: str) -> engine.Assigned:
    """One transaction: the changes, and that they are changes of what the page had shown.

    Raises `InsufficientCredits`, `OutOfDate`, `NotFound`, `IdempotencyConflict`.
    """
    with transaction():
        done = engine.set_access(
            current_platform().id, wanted.changes, actor=current_actor(), now=clock.now(), key=f"assign:{key}"
        )
        stale = [] if done.replayed else list(stale_lists(wanted, done))
        if stale:
            raise OutOfDate(stale)
        return done


def sentence_of(refused: Refused) -> str:
    """What could not be done, with the numbers."""
    if isinstance(refused, engine.InsufficientCredits):
        return _(
            "You set aside %(needed)s more, but there are %(available)s to give: %(short)s too many."
            " Lower a field, or buy credits. Nothing was saved.",
            needed=told(refused.needed),
            available=told(refused.available),
            short=told(refused.needed - refused.available),
        )
    if isinstance(refused, OutOfDate):
        return _(
            "%(lists)s. Nothing was saved: look at the figures below, which are those of now, and save again.",  # noqa: E501
            lists=", ".join(stale_words(refused.stale)),
        )
    if isinstance(refused, engine.NotFound):
        return _(
            "One of these lists was deleted meanwhile. Nothing was saved: look at the lists and save again."
        )
    if isinstance(refused, engine.IdempotencyConflict):
        return _("This page was saved once already. Load it again before you change more.")
    return str(refused.sentence)


def stale_words(stale: list[Stale]) -> list[str]:
    names = {list_id: name for list_id, name, _deleted in movements.lists_of(current_platform().id)}
    return [
        _(
            "%(list)s has %(now)s now, not %(shown)s as this page showed",
            list=names.get(one.list_id, ""),
            now=told(one.now),
            shown=told(one.shown),
        )
        for one in stale
    ]


def page(
    wanted: Wanted | None = None,
    *,
    refusal: str | None = None,
    need: tuple[int, int] | None = None,
    key: str | None = None,
) -> dict[str, object]:
    """All that the page shows. The key stays while a form is refused, and is new for a new form."""
    platform, now = current_platform(), clock.now()
    balance = engine.balance(platform.id, now=now)
    names = {list_id: name for list_id, name, deleted in movements.lists_of(platform.id) if not deleted}
    rows = rows_of(balance, searched(names), spent_lately(now), wanted, need)
    return {
        "balance": balance,
        "names": names,
        "page": numbered(rows),
        "outcome": outcome_of(balance, live_changes(wanted, balance) if wanted else prefilled(rows)),
        "refusal": refusal,
        "need": next((row for row in rows if row.need is not None), None),
        "key": key or uuid4().hex,
        "back": back(),
        "query": request.values.get("q", "").strip(),
    }


def numbered(rows: list) -> Page:  # type: ignore[type-arg]
    number = min(page_number(), max(1, -(-len(rows) // LISTS_PER_PAGE)))
    shown = rows[(number - 1) * LISTS_PER_PAGE : number * LISTS_PER_PAGE]
    return Page(rows=shown, number=number, per_page=LISTS_PER_PAGE, total=len(rows))


def searched(names: Mapping[int, str]) -> dict[int, str]:
    """The lists whose name has what is searched for."""
    wanted = request.values.get("q", "").strip().casefold()
    return {list_id: name for list_id, name in names.items() if wanted in name.casefold()}


def prefilled(rows: list) -> dict[int, int | None]:  # type: ignore[type-arg]
    """The change that the link from a draft has put into a field."""
    return {row.list_id: credits_typed(row.text) for row in rows if row.need is not None and row.changed}


def live_changes(wanted: Wanted, balance: Balance) -> dict[int, int | None]:
    """The wanted changes of lists that there still are."""
    there = {found.list_id for found in balance.lists}
    return {list_id: amount for list_id, amount in wanted.changes.items() if list_id in there}


def spent_lately(now: datetime) -> dict[int, int]:
    """By list, what was charged in the last 30 days."""
    platform = current_platform()
    today = day_in(now, ZoneInfo(platform.time_zone))
    used = engine.usage(platform.id, from_on=today - timedelta(days=PACE_DAYS - 1), to_on=today, group="list")
    return {row.key: row.credits for row in used.rows if isinstance(row.key, int)}


def needed() -> tuple[int, int] | None:
    """The list that a draft came here for, and how many credits it is short of."""
    list_id, need = request.args.get("list", type=int), request.args.get("need", type=int)
    return (list_id, need) if list_id and need and 0 < need <= engine.MOST_CREDITS else None


def back() -> str | None:
    """Where somebody came from: a path of this site, or nothing."""
    return local_path(request.values.get("back"), "") or None


def here() -> str:
    """This page again, with its search."""
    given = {"q": request.values.get("q"), "page": request.values.get("page"), "back": back()}
    return url_for("credits.assign", **{name: value for name, value in given.items() if value})  # type: ignore[arg-type]
