"""Drafts: made, saved by themselves, duplicated, deleted. One public function is one transaction."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.audience.models import RecipientList
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import MOST_NAME_CHARACTERS, MOST_TEXT_CHARACTERS, Campaign, CampaignList
from webapp.campaigns.references import new_token
from webapp.campaigns.wrong_state import WrongState
from webapp.credits.terms import Actor
from webapp.db import transaction
from webapp.errors import Refused
from webapp.pricing.text import CONTROLS, LONE_SURROGATE

MOST_LISTS = 200
MOST_SENDER_CHARACTERS = 20


class DraftChanged(Refused):
    """Somebody, perhaps oneself in another tab, has saved this draft since it was opened here."""

    slug = "wrong-state"

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(
            _("This draft was changed in another tab. Look at that version, or save yours over it."),
            version=campaign.version,
        )
        self.version = campaign.version
        self.saved_at = campaign.saved_at


@dataclass(frozen=True)
class Draft:
    """What somebody has written so far; nothing of it needs to be right yet."""

    name: str = ""
    sender: str = ""
    text: str = ""
    send_local: str = ""
    list_ids: tuple[int, ...] = ()
    transliterate: bool = False

    def tidied(self) -> "Draft":
        """What can be kept of it: no characters that no database keeps, nothing beyond the limits."""
        return Draft(
            name=" ".join(keepable(self.name).split())[:MOST_NAME_CHARACTERS],
            sender=keepable(self.sender).strip()[:MOST_SENDER_CHARACTERS],
            text=keepable(self.text).replace("\r\n", "\n").replace("\r", "\n")[:MOST_TEXT_CHARACTERS],
            send_local=keepable(self.send_local).strip()[:40],
            list_ids=tuple(dict.fromkeys(self.list_ids))[:MOST_LISTS],
            transliterate=self.transliterate,
        )


def keepable(text: str) -> str:
    return CONTROLS.sub(" ", LONE_SURROGATE.sub("\ufffd", text))


def draft_of(campaign: Campaign) -> Draft:
    """The content of a campaign, as a draft."""
    return Draft(
        name=campaign.name,
        sender=campaign.sender,
        text=campaign.text,
        send_local=campaign.send_local,
        list_ids=campaign.list_ids,
        transliterate=campaign.transliterate,
    )


def create_draft(platform_id: int, draft: Draft, *, actor: Actor, now: datetime) -> Campaign:
    """A new draft; lists that the platform does not have are left out."""
    with transaction() as session:
        content = draft.tidied()
        campaign = Campaign(
            platform_id=platform_id,
            name=content.name,
            sender=content.sender,
            text=content.text,
            send_local=content.send_local,
            transliterate=content.transliterate,
            token=new_token(),
            saved_at=now,
            created_at=now,
            created_by_id=actor.id,
            created_by_name=actor.name,
        )
        campaign.lists = chosen(session, platform_id, content.list_ids)
        session.add(campaign)
        session.flush()
        return campaign


def new_tab() -> str:
    """What tells one open page of a draft from another."""
    return secrets.token_hex(8)


def save_draft(
    platform_id: int,
    campaign_id: int,
    draft: Draft,
    *,
    version: int | None,
    tab: str,
    now: datetime,
) -> Campaign:
    """Saves what is in this tab. `version` is the one the tab has seen; None saves over whatever is there.

    Raises `DraftChanged` when another tab has saved since, `WrongState` once it is no draft any more.
    """
    with transaction() as session:
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status != "draft":
            raise WrongState(campaign.status)
        own = bool(tab) and campaign.saved_in_tab == tab
        if version is not None and campaign.version != version and not own:
            raise DraftChanged(campaign)
        write(session, campaign, draft.tidied(), tab, now)
        return campaign


def write(session: Session, campaign: Campaign, draft: Draft, tab: str, now: datetime) -> None:
    """Changes only what differs, so that saving the same twice is no new version."""
    known = owned(session, campaign.platform_id, draft.list_ids)
    draft = replace(draft, list_ids=known)
    if draft_of(campaign) == draft:
        return
    campaign.name, campaign.sender, campaign.text = draft.name, draft.sender, draft.text
    campaign.send_local, campaign.transliterate = draft.send_local, draft.transliterate
    choose(session, campaign, known)
    campaign.version += 1
    campaign.saved_in_tab, campaign.saved_at = tab, now
    session.flush()


def choose(session: Session, campaign: Campaign, list_ids: Sequence[int]) -> None:
    if campaign.list_ids == tuple(list_ids):
        return
    session.execute(delete(CampaignList).where(CampaignList.campaign_id == campaign.id))
    session.expire(campaign, ["lists"])
    session.add_all(
        CampaignList(
            campaign_id=campaign.id, platform_id=campaign.platform_id, list_id=list_id, position=place
        )
        for place, list_id in enumerate(list_ids, 1)
    )
    session.flush()
    session.expire(campaign, ["lists"])


def chosen(session: Session, platform_id: int, list_ids: Sequence[int]) -> list[CampaignList]:
    known = owned(session, platform_id, list_ids)
    return [
        CampaignList(platform_id=platform_id, list_id=list_id, position=place)
        for place, list_id in enumerate(known, 1)
    ]


def owned(session: Session, platform_id: int, list_ids: Sequence[int]) -> tuple[int, ...]:
    """Those of the lists that are the platform's and not deleted, in the same order."""
    found = session.scalars(
        select(RecipientList.id).where(
            RecipientList.platform_id == platform_id,
            RecipientList.id.in_(list_ids),
            RecipientList.deleted_at.is_(None),
        )
    )
    mine = set(found)
    return tuple(list_id for list_id in list_ids if list_id in mine)


def delete_draft(platform_id: int, campaign_id: int) -> None:
    """Deletes it for good. Raises `WrongState` for what is no draft: its messages and charges are history."""
    with transaction() as session:
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status != "draft":
            raise WrongState(campaign.status)
        session.delete(campaign)


def duplicate(platform_id: int, campaign_id: int, *, actor: Actor, now: datetime) -> Campaign:
    """A new draft with the same sender, text and lists; without a time."""
    with transaction():
        original = lock_campaign(campaign_id, platform_id)
        name = _("Copy of %(name)s", name=original.name or _("a draft"))
        copy = replace(draft_of(original), name=name, send_local="")
        return create_draft(platform_id, copy, actor=actor, now=now)
