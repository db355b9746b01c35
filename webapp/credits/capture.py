"""Messages charged to their hold (R12): each once ever, in batches, in burn order.

Touches the hold's own rows only, and nothing that another hold contends for.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from webapp.credits import slicing
from webapp.credits.errors import BadRequest
from webapp.credits.expiry import day_in
from webapp.credits.held import open_hold
from webapp.credits.operation import instant_of, request
from webapp.credits.posting import Part, post
from webapp.credits.quantities import credits_of, identifier_of, total_of
from webapp.credits.terms import SYSTEM, Captured, Charge
from webapp.credits.wire import Wire, unit

ALREADY_CHARGED = "SELECT message_id FROM charge WHERE message_id = ANY (%(messages)s::bigint[])"
CHARGED_BY = "SELECT message_id FROM charge WHERE transaction_id = %(transaction_id)s ORDER BY message_id"
INSERT_CHARGES = """
INSERT INTO charge (platform_id, transaction_id, message_id, list_id, country, segments, credits_per_segment,
                    plugin, plugin_version)
SELECT %(platform_id)s, recorded.id, fresh.* FROM recorded,
    unnest(%(messages)s::bigint[], %(charged_lists)s::bigint[], %(countries)s::text[], %(segments)s::bigint[],
           %(rates)s::bigint[], %(plugins)s::text[], %(versions)s::text[]) AS fresh
"""
ADD_USAGE = """
INSERT INTO usage_day AS day (platform_id, on_day, subject_kind, subject_id, list_key, list_id, country,
                              messages, segments, credits)
SELECT %(platform_id)s, %(on_day)s, %(subject_kind)s, %(subject_id)s::bigint, coalesce(used.list_id, 0),
       used.*
FROM unnest(%(used_lists)s::bigint[], %(used_countries)s::text[], %(used_messages)s::bigint[],
            %(used_segments)s::bigint[], %(used_credits)s::bigint[])
     AS used (list_id, country, messages, segments, credits)
ON CONFLICT (platform_id, on_day, subject_kind, subject_id, list_key, country) DO UPDATE
SET messages = day.messages + excluded.messages, segments = day.segments + excluded.segments,
    credits = day.credits + excluded.credits
"""


def capture(hold_id: int, charges: Sequence[Charge], *, now: datetime, key: str) -> Captured:
    """Charges messages to the hold; those charged before, by whatever batch, are left out.

    Raises `HoldAlreadyResolved`, `HoldExceeded` with the shortfall per list, `BadQuantity`, `BadRequest`,
    `IdempotencyConflict`, `NotFound`. All or nothing.
    """
    batch, now = checked(charges), instant_of(now)
    asked = request(key, "capture", identifier_of(hold_id, "hold"), sorted(batch.values()))
    with unit() as wire:
        charged = (ALREADY_CHARGED, {"messages": sorted(batch)})
        opened, hold, [before] = open_hold(wire, hold_id, asked, now, [charged])
        if opened.stored:
            return replayed(wire, opened.stored)
        fresh = [batch[message] for message in sorted(batch.keys() - {row[0] for row in before})]
        wanted = by_list(fresh)
        if fresh:
            hold.check(wanted)
        on_day = day_in(opened.at, ZoneInfo(opened.state.time_zone))
        draft = opened.draft("capture", SYSTEM, subject=hold.subject, hold_id=hold_id, on_day=on_day)
        for list_id, credits in wanted.items():
            draft.move("hold", "spent", credits, list_id=list_id)
        lots = [(lot.id, lot.credits_left) for lot in hold.in_burn_order(opened.state)]
        draft.move_lots("held", "captured", slicing.take(sum(wanted.values()), lots))
        result = {"hold_id": hold_id, "credits": sum(wanted.values())}
        beside = [charge_rows(fresh), usage_rows(fresh)] if fresh else []
        transaction_id = post(wire, draft, result, beside=beside)
        return Captured(
            transaction_id, hold_id, sum(wanted.values()), tuple(charge.message_id for charge in fresh)
        )


def replayed(wire: Wire, stored: dict[str, int]) -> Captured:
    rows = wire.ask(CHARGED_BY, transaction_id=stored["transaction_id"])
    return Captured(**stored, message_ids=tuple(row[0] for row in rows))  # type: ignore[arg-type]


def checked(charges: Sequence[Charge]) -> dict[int, Charge]:
    """The charges by message, every number checked. Raises `BadQuantity`, `BadRequest`."""
    batch: dict[int, Charge] = {}
    for charge in charges:
        message_id = identifier_of(charge.message_id, "message")
        if charge.list_id is not None:
            identifier_of(charge.list_id, "list")
        credits_of(charge.segments, "segments")
        credits_of(charge.credits_per_segment, "credits per segment")
        if batch.setdefault(message_id, charge) != charge:
            raise BadRequest("A message was given two different charges.", message=message_id)
    if not batch:
        raise BadRequest("A capture needs at least one message.")
    total_of(credits_of(cost(charge)) for charge in batch.values())
    return batch


def cost(charge: Charge) -> int:
    return charge.segments * charge.credits_per_segment


def by_list(charges: Sequence[Charge]) -> dict[int | None, int]:
    wanted: dict[int | None, int] = {}
    for charge in charges:
        wanted[charge.list_id] = wanted.get(charge.list_id, 0) + cost(charge)
    return wanted


def charge_rows(charges: Sequence[Charge]) -> Part:
    messages, lists, countries, segments, rates, plugins, versions = map(list, zip(*charges, strict=True))
    values = {
        "messages": messages,
        "charged_lists": lists,
        "countries": countries,
        "segments": segments,
        "rates": rates,
        "plugins": plugins,
        "versions": versions,
    }
    return Part("charges", INSERT_CHARGES, values)


def usage_rows(charges: Sequence[Charge]) -> Part:
    """One row per list and country, in a fixed order, so that two batches never lock crosswise."""
    messages: Counter[tuple[int, str]] = Counter()
    segments: Counter[tuple[int, str]] = Counter()
    credits: Counter[tuple[int, str]] = Counter()
    for charge in charges:
        group = (charge.list_id or 0, charge.country)
        messages[group] += 1
        segments[group] += charge.segments
        credits[group] += cost(charge)
    groups = sorted(messages)
    values = {
        "used_lists": [list_key or None for list_key, _ in groups],
        "used_countries": [country for _, country in groups],
        "used_messages": [messages[group] for group in groups],
        "used_segments": [segments[group] for group in groups],
        "used_credits": [credits[group] for group in groups],
    }
    return Part("usage", ADD_USAGE, values)
