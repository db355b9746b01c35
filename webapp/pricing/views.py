"""The operator's plugins: which there are, what they bring, which of them price."""

from flask import Blueprint, abort, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import clock
from webapp.accounts.access import current_person, requires
from webapp.pricing import operating
from webapp.pricing.books import EVERYWHERE
from webapp.pricing.checks import PluginRefused
from webapp.pricing.operating import Conflict, Place, PluginConflict, State
from webapp.pricing.search import countries_like, find_rates
from webapp.web.htmx import invalid, render, see_other

blueprint = Blueprint("pricing", __name__)

ALL = ("pricing/plugins.html", "pricing/_plugins.html")
ONE = ("pricing/plugin.html", "pricing/_plugin.html")
FOUND = ("pricing/plugins.html", "pricing/_found_rates.html")


@blueprint.get("/operator/plugins")
@requires("operator")
def plugins() -> Response:
    """Every plugin with its state, the conflicts settled, and a search through all rates."""
    states, q = operating.states(), request.args.get("q", "").strip()
    found = find_rates(states, q) if q else None
    pair = FOUND if request.headers.get("HX-Target", "").endswith("found-rates") else ALL
    return render(
        *pair, states=states, conflicts=operating.conflicts(), found=found, q=q, everywhere=EVERYWHERE
    )


@blueprint.get("/operator/plugins/<name>")
@requires("operator")
def plugin(name: str) -> Response:
    """One plugin: its rates and profiles, where the figures come from, and what is wrong with it."""
    state, q = state_or_404(name), request.args.get("q", "").strip()
    return render(*ONE, **about(state, q), refusal=None, unsettled=())


def about(state: State, q: str = "") -> dict[str, object]:
    wanted = countries_like(q) if q else None
    rates = [rate for rate in state.rates if wanted is None or rate.country in wanted]
    return {"state": state, "q": q, "rates": rates, "everywhere": EVERYWHERE}


def state_or_404(name: str) -> State:
    return next((state for state in operating.states() if state.name == name), None) or abort(404)


@blueprint.post("/operator/plugins/<name>/enable")
@requires("operator")
def enable(name: str) -> Response:
    """Enable a plugin or take over its update; where it conflicts, ask which plugin counts."""
    state = state_or_404(name)
    try:
        operating.enable(name, choices=choices_made(), actor=current_person().name, now=clock.now())
    except PluginConflict as conflict:
        return refused(state, conflict, tuple(conflict.conflicts))
    except PluginRefused as problem:
        return refused(state, problem, ())
    return see_other(url_for("pricing.plugin", name=name), _("Plugin %(name)s is enabled.", name=name))


@blueprint.post("/operator/plugins/<name>/disable")
@requires("operator")
def disable(name: str) -> Response:
    state = state_or_404(name)
    try:
        operating.disable(name, actor=current_person().name, now=clock.now())
    except PluginRefused as problem:
        return refused(state, problem, ())
    return see_other(url_for("pricing.plugin", name=name), _("Plugin %(name)s is disabled.", name=name))


@blueprint.post("/operator/plugins/settle")
@requires("operator")
def settle() -> Response:
    """Choose anew which plugin counts where several have data."""
    try:
        operating.settle(choices_made(), actor=current_person().name, now=clock.now())
    except PluginRefused as problem:
        context = {"states": operating.states(), "conflicts": operating.conflicts(), "found": None, "q": ""}
        return invalid(*ALL, **context, refusal=problem.sentence, everywhere=EVERYWHERE)
    return see_other(url_for("pricing.plugins"), _("Saved: the chosen plugins count from now on."))


def refused(state: State, problem: PluginRefused, unsettled: tuple[Conflict, ...]) -> Response:
    return invalid(*ONE, **about(state), refusal=problem.sentence, unsettled=unsettled)


def choices_made() -> dict[Place, str]:
    """The choices of a form: fields named `rate:IT` or `profile:**`, and `prefer` for all left open."""
    made: dict[Place, str] = {}
    for field, chosen in request.form.items():
        kind, colon, country = field.partition(":")
        plugin = chosen or request.form.get("prefer", "")
        if colon and plugin and kind in ("rate", "profile"):
            made["rate" if kind == "rate" else "profile", country] = plugin
    return made
