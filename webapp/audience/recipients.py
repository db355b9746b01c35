"""People on lists: adding, changing, unsubscribing and removing them by hand, and finding them.

One public function is one transaction. Each locks the row of the list first (see `statistics`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from webapp.audience import cells, statistics, suppression
from webapp.audience.errors import AlreadyOnList, FieldRefused, NumberRefused, StaysUnsubscribed, WasErased
from webapp.audience.lists import add_fields, own_list
from webapp.audience.models import (
    SUBSCRIBED,
    UNSUBSCRIBED,
    ConsentEvent,
    Recipient,
    RecipientList,
)
from webapp.db import db, transaction
from webapp.pricing.numbers import BadNumber


def read_phone(raw: str, country: str | None) -> tuple[int, str]:
    """The digits and country of a number somebody typed. Raises `NumberRefused`."""
    try:
        return cells.read_number(raw, country)
    except BadNumber as problem:
        sentence = cells.REASONS.get(problem.reason, problem.reason)
        raise NumberRefused(problem.reason, str(sentence)) from None


def add_recipient(
    platform_id: int,
    list_id: int,
    phone: int,
    country: str,
    values: Mapping[str, str],
    *,
    now: datetime,
    wanted_back: bool = False,
) -> Recipient:
    """Adds a person. Raises `AlreadyOnList`, or `WasErased` unless they `wanted_back` themselves."""
    with transaction() as session:
        recipient_list = own_list(session, platform_id, list_id)
        suppression.share_with_erasures(session, platform_id)
        if known := find(session, list_id, phone):
            raise AlreadyOnList(known.e164, known.id)
        if suppression.is_erased(session, platform_id, phone):
            if not wanted_back:
                raise WasErased
            suppression.forget_erasure(session, platform_id, phone)
        recipient = Recipient(
            platform_id=platform_id,
            list_id=list_id,
            chunk_id=statistics.chunk_with_room(session, platform_id, list_id, 1)[0],
            phone=phone,
            country=country,
            fields=checked(values),
            status=SUBSCRIBED,
            created_at=now,
            updated_at=now,
        )
        session.add(recipient)
        add_fields(recipient_list, list(recipient.fields))
        session.flush()
        statistics.refresh(session, list_id)
        return recipient


def change_recipient(
    platform_id: int, list_id: int, recipient_id: int, values: Mapping[str, str], *, now: datetime
) -> None:
    """Replaces the merge values of a person; an empty one is forgotten. LookupError when nobody is there."""
    with transaction() as session:
        recipient_list = own_list(session, platform_id, list_id)
        recipient = one(session, list_id, recipient_id)
        recipient.fields = checked(values)
        recipient.updated_at = now
        add_fields(recipient_list, list(recipient.fields))
        session.flush()
        statistics.refresh(session, list_id)


def unsubscribe(
    platform_id: int, list_id: int, recipient_id: int, *, reason: str, by: str, now: datetime
) -> bool:
    """The person gets nothing any more that goes to this list; False when it was so already."""
    with transaction() as session:
        own_list(session, platform_id, list_id)
        recipient = one(session, list_id, recipient_id)
        if recipient.status == UNSUBSCRIBED:
            return False
        recipient.status, recipient.unsubscribed_at, recipient.unsubscribed_by = UNSUBSCRIBED, now, by
        session.flush()
        event = "unsubscribed"
        suppression.log(
            session, platform_id, list_id, [recipient.phone], event, reason=reason, by=by, now=now
        )
        statistics.refresh(session, list_id)
        return True


def unsubscribe_number(
    platform_id: int,
    phone: int,
    *,
    list_ids: Sequence[int] | None = None,
    reason: str,
    by: str,
    now: datetime,
) -> int:
    """Unsubscribes a number from these lists of the platform, or all; returns from how many."""
    with transaction() as session:
        found = session.execute(of_number(platform_id, phone).order_by(Recipient.list_id)).scalars().all()
        return sum(
            unsubscribe(platform_id, each.list_id, each.id, reason=reason, by=by, now=now)
            for each in found
            if list_ids is None or each.list_id in list_ids
        )


def resubscribe(
    platform_id: int, list_id: int, recipient_id: int, *, reason: str, by: str, now: datetime
) -> bool:
    """Deliberately lets an unsubscribed person be written to again; False when they may be already."""
    with transaction() as session:
        own_list(session, platform_id, list_id)
        recipient = one(session, list_id, recipient_id)
        if recipient.status == SUBSCRIBED:
            return False
        recipient.status, recipient.unsubscribed_at, recipient.unsubscribed_by = SUBSCRIBED, None, None
        session.flush()
        event = "resubscribed"
        suppression.log(
            session, platform_id, list_id, [recipient.phone], event, reason=reason, by=by, now=now
        )
        statistics.refresh(session, list_id)
        return True


def remove_recipient(platform_id: int, list_id: int, recipient_id: int) -> int:
    """Takes a person off a list altogether; returns the number they had.

    Raises `StaysUnsubscribed`: nobody who unsubscribed is forgotten here, but by erasing the person.
    """
    with transaction() as session:
        own_list(session, platform_id, list_id)
        recipient = one(session, list_id, recipient_id)
        if recipient.status == UNSUBSCRIBED:
            raise StaysUnsubscribed(recipient.e164)
        phone = recipient.phone
        session.execute(delete(Recipient).where(Recipient.id == recipient_id))
        statistics.refresh(session, list_id)
        return phone


def checked(values: Mapping[str, str]) -> dict[str, str]:
    """The values that are not empty, cleaned. Raises `FieldRefused`."""
    cleaned = {name: cells.clean_value(value) for name, value in values.items()}
    for name, value in cleaned.items():
        if value and not name:
            raise FieldRefused(_("Give the field with the value “%(value)s” a name.", value=value[:60]))
        if name != cells.field_name(name):
            raise FieldRefused(
                _(
                    "“%(name)s” cannot be a field: use letters, digits and _ and begin with a letter.",
                    name=name,
                )
            )
        if len(value) > cells.VALUE_CHARACTERS:
            raise FieldRefused(_("The value of %(name)s is longer than 1,000 characters.", name=name))
    return {name: value for name, value in cleaned.items() if value}


def find(session: Session, list_id: int, phone: int) -> Recipient | None:
    found = select(Recipient).where(Recipient.list_id == list_id, Recipient.phone == phone)
    return session.scalars(found).one_or_none()


def one(session: Session, list_id: int, recipient_id: int) -> Recipient:
    found = select(Recipient).where(Recipient.list_id == list_id, Recipient.id == recipient_id)
    recipient = session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if recipient is None:
        raise LookupError(f"recipient {recipient_id} is not on list {list_id}")
    return recipient


def of_number(platform_id: int, phone: int) -> Select[Any]:
    """Everywhere a number is on the platform's lists, deleted lists left out."""
    lists = select(RecipientList.id).where(
        RecipientList.platform_id == platform_id, RecipientList.deleted_at.is_(None)
    )
    return select(Recipient).where(Recipient.list_id.in_(lists), Recipient.phone == phone)


@dataclass(frozen=True)
class Filter:
    """What to show of a list: part of a number or of a value, a status, a country."""

    text: str = ""
    status: str = ""
    country: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.status or self.country)


def matching(list_id: int, wanted: Filter) -> Select[Any]:
    """The people of a list that match, in the order in which they came."""
    found = select(Recipient).where(Recipient.list_id == list_id).order_by(Recipient.id)
    if wanted.status:
        found = found.where(Recipient.status == wanted.status)
    if wanted.country:
        found = found.where(Recipient.country == wanted.country)
    if wanted.text.strip():
        found = found.where(or_(*matches(wanted.text.strip())))
    return found


def matches(text: str) -> list[ColumnElement[bool]]:
    """Conditions of which one is enough: the digits are in the number, or the text in a merge value."""
    conditions = [value_matches(text)]
    digits = "".join(filter(str.isdigit, text)).removeprefix("00")
    if digits and not any(character.isalpha() for character in text):
        conditions.append(cast(Recipient.phone, Text).like(f"%{digits}%"))
    return conditions


def value_matches(text: str) -> ColumnElement[bool]:
    """Some merge value has the text in it. The whole object is looked at first, which is ten times faster."""
    pattern = f"%{escaped(text)}%"
    each = func.jsonb_each_text(Recipient.fields).table_valued("key", "value").render_derived()
    exact = exists(select(1).select_from(each).where(each.c.value.ilike(pattern)))
    plain = not set(text) & set('"\\\n')
    return and_(cast(Recipient.fields, Text).ilike(pattern), exact) if plain else exact


def escaped(text: str) -> str:
    """The text with what LIKE would take for a pattern taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def events_of(platform_id: int, phone: int) -> Sequence[ConsentEvent]:
    """What was decided for a number on this platform, newest first."""
    found = select(ConsentEvent).where(ConsentEvent.platform_id == platform_id, ConsentEvent.phone == phone)
    return db.session().scalars(found.order_by(ConsentEvent.id.desc()).limit(100)).all()
