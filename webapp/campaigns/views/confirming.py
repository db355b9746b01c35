"""From a draft to a campaign: schedule it, send a test, and what else one does with a draft as a whole."""

from flask import Response, request, url_for
from flask_babel import format_decimal, get_locale, ngettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.accounts.access import current_actor, current_platform, requires
from webapp.audience.recipients import read_phone
from webapp.campaigns import confirming, drafts, previews, quoting, singles
from webapp.campaigns.drafts import DraftChanged
from webapp.campaigns.scheduling import NotReady, QuoteChanged, confirms
from webapp.campaigns.views import ID, blueprint
from webapp.campaigns.views.common import WRITERS, own_campaign, platform_zone
from webapp.campaigns.views.compose import compose_page, sent
from webapp.campaigns.wrong_state import WrongState
from webapp.errors import Refused
from webapp.pricing.numbers import Phone
from webapp.web.htmx import render, see_other
from webapp.web.polling import polled


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/schedule")
@requires(*WRITERS)
def schedule(campaign_id: int) -> AnyResponse:
    """Saves what is in the form, and confirms the number that was shown, or shows the new one."""
    campaign, given = own_campaign(campaign_id), sent()
    platform_id, now = campaign.platform_id, clock.now()
    try:
        drafts.save_draft(
            platform_id, campaign_id, given.draft, version=given.version, tab=given.tab, now=now
        )
        done = confirming.confirm(
            platform_id,
            campaign_id,
            confirms(request.form.get("fingerprint", "")),
            zone=platform_zone(),
            language=str(get_locale()),
            actor=current_actor(),
            now=now,
        )
    except DraftChanged as conflict:
        return compose_page(own_campaign(campaign_id), given.draft, conflict=conflict)
    except WrongState:
        return see_other(url_for("campaigns.campaign", campaign_id=campaign_id))
    except (NotReady, QuoteChanged) as refused:
        return compose_page(
            own_campaign(campaign_id), given.draft, refusal=str(refused.sentence), quoted=refused.quoted
        )
    except Refused as refused:
        return compose_page(own_campaign(campaign_id), given.draft, refusal=str(refused.sentence))
    return see_other(
        url_for("campaigns.campaign", campaign_id=campaign_id), words_of(done.status, done.quoted_credits)
    )


@blueprint.get(f"/campaigns/<{ID}:campaign_id>/confirming")
@requires(*WRITERS)
@polled
def being_confirmed(campaign_id: int) -> AnyResponse:
    """What is seen while a worker confirms many messages; asks again every two seconds, and leads on."""
    campaign, asked = own_campaign(campaign_id), confirming.asked_of(campaign_id)
    if campaign.status != "confirming" or asked is None:
        return see_other(url_for("campaigns.campaign", campaign_id=campaign_id))
    return render("campaigns/confirming.html", "campaigns/_confirming.html", campaign=campaign, asked=asked)


def words_of(status: str, credits: int | None) -> str | None:
    """What is said when it is done."""
    if status == "confirming":
        return None
    number = format_decimal(credits or 0)
    if status != "scheduled":
        return str(_("It is being sent: %(number)s credits are held for it.", number=number))
    return str(
        ngettext(
            "Scheduled: %(number)s credit is held for it.",
            "Scheduled: %(number)s credits are held for it.",
            credits or 0,
            number=number,
        )
    )


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/test")
@requires(*WRITERS)
def test(campaign_id: int) -> AnyResponse:
    """Sends the message as it is read now to one number; it is charged like any other."""
    campaign, given = own_campaign(campaign_id), sent()
    now = clock.now()
    quoted = quoting.quote_draft(campaign.platform_id, given.draft, zone=platform_zone(), now=now)
    try:
        drafts.save_draft(
            campaign.platform_id, campaign_id, given.draft, version=given.version, tab=given.tab, now=now
        )
        phone = phone_of(request.form.get("test_phone", ""))
        shown = previews.preview(quoted, request.form.get("sample", type=int))
        if shown is None:
            raise NotReady(quoted)
        message = singles.send_single(
            campaign.platform_id,
            phone,
            quoted.template.render(shown.values) if quoted.template else "",
            given.draft.sender,
            transliterate=given.draft.transliterate,
            tested_campaign_id=campaign_id,
            actor=current_actor(),
            now=now,
            key=f"test:{campaign_id}:{request.form.get('test_key', '')[:64] or drafts.new_tab()}",
        )
    except DraftChanged as conflict:
        return compose_page(own_campaign(campaign_id), given.draft, conflict=conflict)
    except WrongState:
        raise
    except Refused as refused:
        return compose_page(own_campaign(campaign_id), given.draft, test_refusal=str(refused.sentence))
    said = ngettext(
        "The test message is on its way; it costs %(number)s credit.",
        "The test message is on its way; it costs %(number)s credits.",
        message.credits,
        number=format_decimal(message.credits),
    )
    return see_other(url_for("campaigns.compose", campaign_id=campaign_id), said)


def phone_of(raw: str) -> Phone:
    """The number somebody typed. Raises `NumberRefused` with a sentence."""
    digits, country = read_phone(raw.strip(), None)
    return Phone(f"+{digits}", country)


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/delete")
@requires(*WRITERS)
def delete(campaign_id: int) -> Response:
    """Deletes a draft for good."""
    drafts.delete_draft(current_platform().id, own_campaign(campaign_id).id)
    return see_other(url_for("campaigns.index"), _("The draft is deleted."))


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/duplicate")
@requires(*WRITERS)
def duplicate(campaign_id: int) -> Response:
    """A new draft with the same text, sender and lists."""
    copy = drafts.duplicate(
        current_platform().id, own_campaign(campaign_id).id, actor=current_actor(), now=clock.now()
    )
    return see_other(url_for("campaigns.compose", campaign_id=copy.id), _("This is the copy."))
