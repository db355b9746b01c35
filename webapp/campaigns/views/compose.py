"""Writing a campaign: the message on the left, what it costs on the right, saved as one goes."""

import json
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.accounts.access import requires
from webapp.audience.models import RecipientList
from webapp.campaigns import confirming, drafts, marking, previews, quoting, savings, wordings
from webapp.campaigns.drafts import Draft, DraftChanged
from webapp.campaigns.models import Campaign
from webapp.campaigns.quoting import Quoted
from webapp.campaigns.views import ID, blueprint
from webapp.campaigns.views.common import WRITERS, own_campaign, platform_zone
from webapp.campaigns.wordings import Comparison
from webapp.campaigns.writing_marks import writing_marks
from webapp.db import db
from webapp.web.htmx import invalid, render, see_other, wants_fragment

LIST_STEPS = {"up": -1, "down": 1}
REPLACING = ("save-by", "use")  # put another text in the place of the one that was there


@blueprint.get(f"/campaigns/<{ID}:campaign_id>/compose")
@requires(*WRITERS)
def compose(campaign_id: int) -> AnyResponse:
    """The page of a draft."""
    campaign = own_campaign(campaign_id)
    if campaign.status != "draft":
        return redirect(url_for("campaigns.campaign", campaign_id=campaign.id), 303)
    return compose_page(campaign, drafts.draft_of(campaign), told=confirming.refusal_of(campaign))


def compose_page(
    campaign: Campaign,
    draft: Draft,
    *,
    refusal: str | None = None,
    told: str | None = None,
    conflict: DraftChanged | None = None,
    quoted: Quoted | None = None,
    test_refusal: str | None = None,
) -> Response:
    """The whole page, from what is saved or from what somebody has just sent; `told` is said with a 200."""
    answering = invalid if refusal or conflict or test_refusal else render
    return answering(
        "campaigns/compose.html",
        "campaigns/_compose.html",
        refusal=refusal or told,
        conflict=conflict,
        test_refusal=test_refusal,
        tab=request.form.get("tab") or drafts.new_tab(),
        **context_of(campaign, draft, quoted),
    )


def context_of(
    campaign: Campaign, draft: Draft, quoted: Quoted | None = None, *, with_savings: bool = True
) -> dict[str, object]:
    """All that the page shows. What would save is many quotes of its own: only where asked for."""
    quoted = quoted or quoting.quote_draft(campaign.platform_id, draft, zone=platform_zone(), now=clock.now())
    action, _colon, value = request.values.get("do", "").partition(":")
    wanted = request.values.get("sample", type=int)
    sought = request.values.get("find", "").strip()
    if action == "sample" and value.isascii() and value.isdecimal():
        wanted = int(value)
    if action == "find" and sought:
        wanted = previews.find_recipient(quoted, sought)
    shown = previews.preview(quoted, wanted)
    return {
        "campaign": campaign,
        "draft": draft,
        "quoted": quoted,
        "preview": shown,
        "not_found": action == "find" and bool(sought) and wanted is None,
        "sought": sought,
        "parts": marking.marked_parts(shown.segmentation) if shown else (),
        "marks": writing_marks(quoted.template, shown),
        "savings": savings.savings(quoted) if with_savings else None,
        "dearer": savings.dearer(quoted),
        "other_lists": other_lists(campaign.platform_id, draft.list_ids),
        "fields": known_fields(quoted),
        "zone": platform_zone().key,
        "name_of_list": {chosen.list_id: chosen.name for chosen in quoted.lists},
        "shown_credits": request.form.get("shown_credits", type=int),
        **other_wording(campaign, quoted, action, value),
    }


def other_wording(campaign: Campaign, quoted: Quoted, action: str, value: str) -> dict[str, object]:
    """The second text and what it costs: one that was written, one that is proposed, or the former one."""
    other = request.form.get("other", "")
    if action == "try":
        other = savings.text_after(quoted, value)
    former = sent().draft.text
    replaced = action in REPLACING and former != quoted.draft.text
    if replaced:
        other, action = former, "use"
    return {
        "other_text": other[:10_000],
        "other_is": action if replaced or action == "try" else "",
        "comparison": comparison_of(campaign, quoted, other)
        if replaced or action in ("compare", "try")
        else None,
    }


def comparison_of(campaign: Campaign, quoted: Quoted, other: str) -> Comparison:
    return wordings.compare(campaign.platform_id, quoted, other, zone=platform_zone(), now=clock.now())


def other_lists(platform_id: int, list_ids: tuple[int, ...]) -> list[RecipientList]:
    """The lists that could still be chosen, by name."""
    found = select(RecipientList).where(
        RecipientList.platform_id == platform_id,
        RecipientList.deleted_at.is_(None),
        RecipientList.id.not_in(list_ids),
    )
    return list(db.session.scalars(found.order_by(RecipientList.name)))


def known_fields(quoted: Quoted) -> list[str]:
    """The merge fields the chosen lists have."""
    return sorted(quoted.audience.field_names) if quoted.audience else []


@dataclass(frozen=True)
class Sent:
    """What a compose form brought: the draft, the version and tab it comes from, and which button."""

    draft: Draft
    version: int | None
    tab: str
    action: str
    value: str


def sent() -> Sent:
    """The form of this request, as far as it can be read; what cannot is empty."""
    form = request.form
    action, _colon, value = form.get("do", "").partition(":")
    version = form.get("version", type=int)
    draft = Draft(
        name=form.get("name", ""),
        sender=form.get("sender", ""),
        text=form.get("text", ""),
        send_local=send_local(form),
        list_ids=tuple(form.getlist("lists", type=int)),
        transliterate=form.get("transliterate") == "1",
    )
    overwrite = form.get("overwrite") == "1"
    return Sent(draft.tidied(), None if overwrite else version or 0, form.get("tab", "")[:32], action, value)


def send_local(form: MultiDict[str, str]) -> str:
    return form.get("send_local", "") if form.get("when") == "at" else ""


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/compose")
@requires(*WRITERS)
def save(campaign_id: int) -> AnyResponse:
    """Every button of the form but "Schedule": saves, does what the button says, and shows the page."""
    campaign, given = own_campaign(campaign_id), sent()
    draft = acted(campaign, given)
    try:
        saved = drafts.save_draft(
            campaign.platform_id, campaign_id, draft, version=given.version, tab=given.tab, now=clock.now()
        )
    except DraftChanged as conflict:
        return compose_page(campaign, draft, conflict=conflict)
    if wants_fragment():
        return changed(saved, given.action)
    if (
        given.action in REPLACING and draft.text != given.draft.text
    ):  # The former text goes with the answer: no address could carry it.
        return compose_page(saved, drafts.draft_of(saved))
    asked: dict[str, Any] = {name: request.form[name] for name in ("find",) if request.form.get(name)}
    sample = given.value if given.action == "sample" else request.form.get("sample")
    if given.action == "find":
        asked["do"] = "find"
    elif sample:
        asked["sample"] = sample
    return see_other(
        url_for("campaigns.compose", campaign_id=campaign_id, **asked),
        _("The draft is saved.") if given.action == "save" else None,
    )


def changed(campaign: Campaign, action: str) -> Response:
    """What a button changed: the lists or the text. The page then asks for the price by itself."""
    fragment = "campaigns/_text_changed.html" if action in REPLACING else "campaigns/_to_changed.html"
    context = context_of(campaign, drafts.draft_of(campaign), with_savings=False)
    response = render(fragment, fragment, refusal=None, conflict=None, **context)
    response.headers["HX-Trigger"] = json.dumps({"draft-changed": {"target": "#compose"}})
    return response


def acted(campaign: Campaign, given: Sent) -> Draft:
    """The draft after its button: a list added, moved or taken off, characters replaced, a field put in."""
    draft, lists = given.draft, list(given.draft.list_ids)
    number = int(given.value) if given.value.isdecimal() and given.value.isascii() else 0
    match given.action:
        case "add":
            chosen = request.form.get("add_list", type=int)
            return replace(draft, list_ids=tuple(dict.fromkeys([*lists, chosen]))) if chosen else draft
        case "remove":
            return replace(draft, list_ids=tuple(each for each in lists if each != number))
        case "up" | "down" if number in lists:
            return replace(draft, list_ids=moved(lists, number, LIST_STEPS[given.action]))
        case "save-by":
            quoted = quoting.quote_draft(campaign.platform_id, draft, zone=platform_zone(), now=clock.now())
            return replace(draft, text=savings.text_after(quoted, given.value))
        case "use" if request.form.get("other", "").strip():
            return wordings.with_text(draft, request.form["other"])
        case "insert" if given.value:
            return replace(draft, text=f"{draft.text}{{{given.value}}}")
    return draft


def moved(lists: list[int], list_id: int, step: int) -> tuple[int, ...]:
    """The lists with one a place further up or down."""
    place = lists.index(list_id)
    target = min(max(place + step, 0), len(lists) - 1)
    lists.insert(target, lists.pop(place))
    return tuple(lists)


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/draft")
@requires(*WRITERS)
def autosave(campaign_id: int) -> Response:
    """Saves while somebody writes. 409 when another tab has saved since, with both ways out."""
    campaign, given = own_campaign(campaign_id), sent()
    try:
        saved = drafts.save_draft(
            campaign.platform_id,
            campaign_id,
            given.draft,
            version=given.version,
            tab=given.tab,
            now=clock.now(),
        )
    except DraftChanged as conflict:
        response = render(
            "campaigns/_saved.html", "campaigns/_saved.html", campaign=campaign, conflict=conflict
        )
        response.status_code = 409
        return response
    return render("campaigns/_saved.html", "campaigns/_saved.html", campaign=saved, conflict=None)


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/quote")
@requires(*WRITERS)
def quote(campaign_id: int) -> AnyResponse:
    """The price of what is in the form right now, saved or not."""
    campaign, given = own_campaign(campaign_id), sent()
    if campaign.status != "draft":
        return see_other(url_for("campaigns.campaign", campaign_id=campaign_id))
    if not wants_fragment():
        return save(campaign_id)
    return render(
        "campaigns/_live.html",
        "campaigns/_live.html",
        tab=given.tab,
        refusal=None,
        conflict=None,
        test_refusal=None,
        **context_of(campaign, given.draft, with_savings=False),
    )


@blueprint.post(f"/campaigns/<{ID}:campaign_id>/savings")
@requires(*WRITERS)
def find_savings(campaign_id: int) -> AnyResponse:
    """What would make the draft in the form cheaper. Asked for when somebody has stopped typing."""
    campaign, given = own_campaign(campaign_id), sent()
    if campaign.status != "draft":
        return see_other(url_for("campaigns.campaign", campaign_id=campaign_id))
    if not wants_fragment():
        return save(campaign_id)
    quoted = quoting.quote_draft(campaign.platform_id, given.draft, zone=platform_zone(), now=clock.now())
    return render(
        "campaigns/_savings.html",
        "campaigns/_savings.html",
        campaign=campaign,
        savings=savings.savings(quoted),
    )
