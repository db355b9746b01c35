"""One campaign: how it stands, what it cost beside what was quoted, and stopping, pausing, moving it."""

from flask import Response, redirect, request, url_for
from flask_babel import format_decimal, get_locale, ngettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.campaigns import confirming, endings, overview, running, scheduling, send_times
from webapp.campaigns.models import Campaign
from webapp.campaigns.quoting import names_of
from webapp.campaigns.scheduling import NotReady, QuoteChanged, confirms
from webapp.campaigns.views import ID, blueprint
from webapp.campaigns.views.common import WRITERS, own_campaign, platform_zone
from webapp.campaigns.views.messages import messages_context
from webapp.errors import Refused
from webapp.web.htmx import invalid, render, see_other
from webapp.web.polling import polled


@blueprint.get(f"/campaigns/<{ID}:campaign_id>")
@requires(*WRITERS)
def campaign(campaign_id: int) -> AnyResponse:
    """The page of a campaign; a draft's is compose. For htmx: its table of messages."""
    found = own_campaign(campaign_id)
    if elsewhere := page_of(found):
        return see_other(elsewhere)
    return render(
        "campaigns/campaign.html",
        "campaigns/_messages.html",
        refusal=confirming.refusal_of(found),
        **figures_of(found),
        **messages_context(found),
    )


def page_of(found: Campaign) -> str | None:
    """Where a draft, or a campaign that is being confirmed, has its page."""
    pages = {"draft": "campaigns.compose", "confirming": "campaigns.being_confirmed"}
    return url_for(pages[found.status], campaign_id=found.id) if found.status in pages else None


def figures_of(found: Campaign) -> dict[str, object]:
    tally = overview.tally_of(found)
    quoted = found.quoted or {}
    return {
        "campaign": found,
        "tally": tally,
        "countries": overview.quoted_countries(quoted),
        "by_list": quoted.get("by_list", ()),
        "excluded": {reason: count for reason, count in quoted.get("excluded", {}).items() if count},
        "recipients": quoted.get("recipients", 0),
        "segments": quoted.get("segments", 0),
        "list_names": names_of(found.platform_id, found.list_ids),
        "zone": platform_zone().key,
        "gives_back": tally.credits("queued") if found.finished_at is None else 0,
    }


@blueprint.get(f"/campaigns/<{ID}:campaign_id>/progress")
@requires(*WRITERS)
@polled
def progress(campaign_id: int) -> AnyResponse:
    """How far it is; asked again every two seconds while it runs."""
    found = own_campaign(campaign_id)
    if elsewhere := page_of(found):
        return see_other(elsewhere)
    context = figures_of(found)
    return render("campaigns/campaign.html", "campaigns/_progress.html", **context, **messages_context(found))


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/pause")
@requires(*WRITERS)
def pause(campaign_id: int) -> Response:
    """Holds it up."""
    running.pause(current_platform().id, own_campaign(campaign_id).id)
    return back_to(campaign_id, _("Paused. What the gateway has already stays there; nothing more is sent."))


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/resume")
@requires(*WRITERS)
def resume(campaign_id: int) -> Response:
    """Lets it go on."""
    running.resume(current_platform().id, own_campaign(campaign_id).id, now=clock.now())
    return back_to(campaign_id, _("It goes on where it was paused."))


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/cancel")
@requires(*WRITERS)
def cancel(campaign_id: int) -> Response:
    """Ends it, and gives back what was not sent; while it is being confirmed, stops that."""
    if own_campaign(campaign_id).status == "confirming":
        confirming.withdraw(campaign_id, actor=current_actor())
        return back_to(campaign_id, None)
    given_back = endings.cancel(
        current_platform().id, own_campaign(campaign_id).id, actor=current_actor(), now=clock.now()
    )
    said = ngettext(
        "Cancelled: %(number)s credit is available again.",
        "Cancelled: %(number)s credits are available again.",
        given_back,
        number=format_decimal(given_back),
    )
    return back_to(campaign_id, said)


def back_to(campaign_id: int, said: str | None) -> Response:
    return see_other(url_for("campaigns.campaign", campaign_id=campaign_id), said)


@blueprint.route(f"/campaigns/<{ID}:campaign_id>/reschedule", methods=["GET", "POST"])
@requires(*WRITERS)
def reschedule(campaign_id: int) -> AnyResponse:
    """Another time for a scheduled campaign: priced anew, shown, and swapped when it is confirmed."""
    found, now, zone = own_campaign(campaign_id), clock.now(), platform_zone()
    if found.status != "scheduled" or found.send_at is None:
        return redirect(url_for("campaigns.campaign", campaign_id=campaign_id), 303)
    shown_local = request.values.get("send_local") or send_times.to_local(found.send_at, zone)
    local = "" if request.values.get("when") == "now" else shown_local
    refusal = None
    quoted = scheduling.quote_reschedule(found, local, zone=zone, now=now)
    if request.method == "POST":
        try:
            done = confirming.confirm(
                found.platform_id,
                campaign_id,
                confirms(request.form.get("fingerprint", "")),
                send_local=local,
                zone=zone,
                language=str(get_locale()),
                actor=current_actor(),
                now=now,
            )
            return back_to(campaign_id, None if done.status == "confirming" else _("It has a new time."))
        except (NotReady, QuoteChanged) as refused:
            refusal, quoted = str(refused.sentence), refused.quoted
        except Refused as refused:
            refusal = str(refused.sentence)
        found = own_campaign(campaign_id)
    answering = invalid if refusal else render
    return answering(
        "campaigns/reschedule.html",
        "campaigns/_reschedule.html",
        campaign=found,
        quoted=quoted,
        local=local,
        shown_local=shown_local,
        refusal=refusal,
        zone=zone.key,
        held=found.quoted_credits,
    )
