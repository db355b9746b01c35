"""What a draft costs, and what stands in its way: audience, pricing and credits put together once.

The page shows it while somebody types, the confirmation computes it again under locks and compares
fingerprints, and what is pinned is exactly these rows. Nothing here is an estimate, and nothing here
writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select

from webapp.audience.models import RecipientList
from webapp.audience.snapshots import UnknownListError, load_audience
from webapp.campaigns.drafts import Draft
from webapp.campaigns.send_times import BadSendTime, SendTime, read_send_time
from webapp.credits import engine
from webapp.credits.terms import Demand
from webapp.db import db
from webapp.errors import Refused
from webapp.pricing.audiences import Audience
from webapp.pricing.books import PricingBook, current_book
from webapp.pricing.lines import Funding, ListLine
from webapp.pricing.merge import MergeError, Template, parse
from webapp.pricing.quotes import AudienceQuote, price_audience
from webapp.pricing.senders import form_of


@dataclass(frozen=True)
class Problem:
    """Something to mend before a draft can be scheduled: at which field, and in a sentence what to do."""

    field: str
    sentence: str


@dataclass(frozen=True)
class ChosenList:
    """A chosen list as the page shows it; `line` is what it pays, None while there is no price."""

    list_id: int
    name: str
    access: str
    available: int
    line: ListLine | None


@dataclass(frozen=True)
class Shortage:
    """A list that cannot pay its part, and by how much."""

    list_id: int
    name: str
    access: str
    needed: int
    available: int

    @property
    def short(self) -> int:
        return self.needed - self.available


@dataclass(frozen=True, eq=False)
class Quoted:
    """A draft with its price. `quote` is None where the text or the lists do not allow one yet."""

    draft: Draft
    quote: AudienceQuote | None
    template: Template | None
    audience: Audience | None
    book: PricingBook
    problems: tuple[Problem, ...]
    lists: tuple[ChosenList, ...]
    send_time: SendTime | None
    at: datetime
    available: int
    usable: int

    @property
    def credits(self) -> int:
        return self.quote.credits if self.quote else 0

    @property
    def recipients(self) -> int:
        return self.quote.recipients if self.quote else 0

    @property
    def available_after(self) -> int:
        return self.available - self.credits

    @cached_property
    def fingerprint(self) -> str:
        """What a confirmation must match; empty where nothing can be confirmed."""
        return self.quote.fingerprint if self.quote else ""

    @property
    def shortages(self) -> tuple[Shortage, ...]:
        """The lists that lack credits, in their order."""
        return tuple(
            Shortage(
                chosen.list_id, chosen.name, chosen.access, chosen.line.credits, chosen.line.available or 0
            )
            for chosen in self.lists
            if chosen.line and chosen.line.shortfall
        )

    @property
    def shortfall(self) -> int:
        return sum(shortage.short for shortage in self.shortages)

    @property
    def expiring_before(self) -> int:
        """How many credits are lacking at the send time only because others expire before it."""
        return max(0, self.credits - self.usable) if not self.shortages else 0

    @property
    def ready(self) -> bool:
        """Whether it can be confirmed as it stands."""
        return (
            bool(self.quote and self.credits and not self.problems and not self.shortages)
            and not self.expiring_before
        )

    @property
    def demands(self) -> list[Demand]:
        """What each list pays, in the order of choice."""
        lines = self.quote.by_list if self.quote else ()
        return [Demand(line.list_id, line.credits) for line in lines if line.credits]

    def problem(self, field: str) -> str | None:
        """The first sentence about this field."""
        return next((problem.sentence for problem in self.problems if problem.field == field), None)


def quote_draft(
    platform_id: int, draft: Draft, *, zone: ZoneInfo, now: datetime, hold_id: int | None = None
) -> Quoted:
    """The price of a draft at its send time. Never raises for what somebody may write: problems say it.

    What the hold of the same campaign has left counts as available: it would be swapped.
    """
    problems: list[Problem] = []
    send_time = send_time_of(draft, zone, now, problems)
    at = send_time.at if send_time else now
    template = template_of(draft, problems)
    check_sender(draft, problems)
    audience = audience_of(platform_id, draft, problems)
    funds = engine.funding(
        platform_id, list(draft.list_ids), now=now, send_at=max(at, now), releasing=hold_id
    )
    available = funds.usable + funds.expiring_before
    funding = Funding(available, funds.unassigned, dict(funds.limited))
    book = current_book()
    quote = price(template, audience, book, at, draft, funding, problems)
    if quote and not problems:
        check_people(quote, problems)
    return Quoted(
        draft=draft,
        quote=quote,
        template=template,
        audience=audience,
        book=book,
        problems=tuple(problems),
        lists=chosen_lists(platform_id, draft.list_ids, funding, quote),
        send_time=send_time,
        at=at,
        available=available,
        usable=funds.usable,
    )


def send_time_of(draft: Draft, zone: ZoneInfo, now: datetime, problems: list[Problem]) -> SendTime | None:
    try:
        return read_send_time(draft.send_local, zone, now)
    except BadSendTime as refused:
        problems.append(Problem("send_local", str(refused.sentence)))
        return None


def template_of(draft: Draft, problems: list[Problem]) -> Template | None:
    """The parsed text; None where it is empty or its braces do not match."""
    if not draft.text.strip():
        problems.append(Problem("text", _("Write what the message should say.")))
        return None
    try:
        return parse(draft.text)
    except MergeError as refused:
        problems.append(Problem("text", str(refused.sentence)))
        return None


def check_sender(draft: Draft, problems: list[Problem]) -> None:
    if not draft.sender:
        problems.append(Problem("sender", _("Say who it is from: a name of up to 11 letters, or a number.")))
    elif form_of(draft.sender) is None:
        sentence = _("No phone can show this sender: use up to 11 letters and digits, or a number.")
        problems.append(Problem("sender", sentence))


def audience_of(platform_id: int, draft: Draft, problems: list[Problem]) -> Audience | None:
    if not draft.list_ids:
        problems.append(Problem("lists", _("Choose at least one list of people to write to.")))
        return None
    try:
        return load_audience(platform_id, draft.list_ids)
    except UnknownListError:
        problems.append(Problem("lists", _("A chosen list was deleted meanwhile. Take it off.")))
        return None


def price(
    template: Template | None,
    audience: Audience | None,
    book: PricingBook,
    at: datetime,
    draft: Draft,
    funding: Funding,
    problems: list[Problem],
) -> AudienceQuote | None:
    if template is None or audience is None:
        return None
    try:
        return price_audience(
            template, audience, book, at, draft.sender, funding, transliterate=draft.transliterate
        )
    except Refused as refused:
        problems.append(Problem("text", str(refused.sentence)))
        return None


def check_people(quote: AudienceQuote, problems: list[Problem]) -> None:
    """Whether anybody is left to write to."""
    if quote.recipients:
        return
    if quote.excluded["too_many_segments"]:
        problems.append(Problem("text", _("The text is too long: it takes more parts than can be sent.")))
    elif not sum(quote.excluded.values()):
        problems.append(Problem("lists", _("There is nobody on the chosen lists yet: import or add people.")))
    else:
        problems.append(Problem("lists", _("Nobody on the chosen lists can be written to.")))


def chosen_lists(
    platform_id: int, list_ids: Sequence[int], funding: Funding, quote: AudienceQuote | None
) -> tuple[ChosenList, ...]:
    names = names_of(platform_id, list_ids)
    lines = {line.list_id: line for line in quote.by_list} if quote else {}
    return tuple(
        ChosenList(
            list_id,
            names[list_id],
            "limited" if list_id in funding.limited else "free",
            funding.limited.get(list_id, funding.unassigned),
            lines.get(list_id),
        )
        for list_id in list_ids
        if list_id in names
    )


def names_of(platform_id: int, list_ids: Sequence[int]) -> Mapping[int, str]:
    """The names of the platform's lists among these, deleted ones too."""
    found = select(RecipientList.id, RecipientList.name).where(
        RecipientList.platform_id == platform_id, RecipientList.id.in_(list_ids)
    )
    return dict(db.session.execute(found).all())
