"""The messages of a campaign, a page at a time: by state, country and number, as fast at a million as at ten.

A page goes on from the id of its last row, so the last page costs what the first does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select

from webapp.campaigns.models import HIGHEST_PHONE, STATES, Message
from webapp.db import db

PER_PAGE = 50


@dataclass(frozen=True)
class Wanted:
    """Which messages: of a state, a country, and with numbers that begin with these digits."""

    state: str = ""
    country: str = ""
    number: str = ""

    @property
    def digits(self) -> str:
        digits = "".join(c for c in self.number if c.isascii() and c.isdecimal())
        return digits.removeprefix("00") if self.number.strip().startswith("00") else digits

    def __bool__(self) -> bool:
        return bool(self.state or self.country or self.number)


@dataclass(frozen=True)
class MessagePage:
    """Some messages in the order in which they go out. `after` leads on, `before` back; None: no more."""

    rows: Sequence[Message]
    after: int | None
    before: int | None


def wanted_of(state: str, country: str, number: str) -> Wanted:
    """What can be asked for; a state or country that does not exist asks for nothing."""
    country = country.upper()
    is_country = len(country) == 2 and country.isascii() and country.isalpha()
    return Wanted(state if state in STATES else "", country if is_country else "", number.strip()[:30])


def page_of(campaign_id: int, wanted: Wanted, *, after: int | None, before: int | None) -> MessagePage:
    """The page after, or before, a message."""
    found = matching(campaign_id, wanted)
    if before is not None:
        rows = list(
            db.session.scalars(
                found.where(Message.id < before).order_by(Message.id.desc()).limit(PER_PAGE + 1)
            )
        )
        shown = rows[:PER_PAGE][::-1]
        return MessagePage(
            shown,
            shown[-1].id if shown else None,
            shown[0].id if len(rows) > PER_PAGE else None,
        )
    if after is not None:
        found = found.where(Message.id > after)
    rows = list(db.session.scalars(found.order_by(Message.id).limit(PER_PAGE + 1)))
    shown = rows[:PER_PAGE]
    return MessagePage(
        shown,
        shown[-1].id if len(rows) > PER_PAGE else None,
        shown[0].id if shown and after is not None else None,
    )


def matching(campaign_id: int, wanted: Wanted) -> Select[Message]:
    found = select(Message).where(Message.campaign_id == campaign_id)
    if wanted.state:
        found = found.where(Message.state == wanted.state)
    if wanted.country:
        found = found.where(Message.country == wanted.country)
    if wanted.number:
        found = found.where(or_(*ranges(wanted.digits)) if wanted.digits else Message.id < 0)
    return found


def ranges(digits: str) -> list[ColumnElement[bool]]:
    """Conditions for the numbers that begin with these digits: a number is kept as an integer."""
    low, high = int(digits), int(digits) + 1
    conditions: list[ColumnElement[bool]] = []
    while low <= HIGHEST_PHONE:
        conditions.append(Message.phone.between(low, min(high - 1, HIGHEST_PHONE)))
        low, high = low * 10, high * 10
        if low == 0:
            break
    return conditions or [Message.id < 0]
