"""R1 to R17 by name: those that go through several features; tests/credits has the others."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.campaigns.conftest import sending  # noqa: F401
from tests.campaigns.makers import ADA, FakeGateway, grant, make_list
from webapp import clock
from webapp.audience import recipients
from webapp.campaigns import dispatching, drafts, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Message
from webapp.campaigns.quoting import quote_draft
from webapp.credits import engine
from webapp.db import db
from webapp.pricing.books import current_book
from webapp.shop.offers import offers
from webapp.shop.orders import OrderRefused, cancel, mark_paid, place_order
from webapp.shop.packages import Terms, change_package, create_package, listed_package, packages_for_sale

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ITALY, GERMANY, BRITAIN = 393_330_000_001, 4_917_139_200_001, 447_700_900_001


def test_every_rule_is_named_by_a_test():
    named = "\n".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    found = {int(number) for number in re.findall(r"^def test_r(\d+)_", named, re.M)}
    assert found == set(range(1, 18))


def draft_of(platform, text, *list_ids) -> Draft:
    return Draft("Spring", "SHOP", text, "", list_ids)


def scheduled(platform, draft):
    made = drafts.create_draft(platform.id, draft, actor=ADA, now=NOON)
    quoted = quote_draft(platform.id, draft, zone=ROME, now=NOON)
    check = scheduling.confirms(quoted.quote.fingerprint)
    scheduling.schedule(platform.id, made.id, check, zone=ROME, actor=ADA, now=NOON)
    return made.id, quoted.quote


def messages_of(campaign_id) -> list[Message]:
    db.session.expire_all()
    return db.session.query(Message).filter_by(campaign_id=campaign_id).order_by(Message.id).all()


def test_r1_a_message_costs_its_segments_times_the_rate_so_ten_people_may_cost_more_than_ten_credits(
    platform,
):
    people = [(ITALY + n, "IT", {}) for n in range(5)] + [(GERMANY + n, "DE", {}) for n in range(5)]
    shop = make_list(platform.id, "Shop", people)
    quote = quote_draft(platform.id, draft_of(platform, "x" * 161, shop), zone=ROME, now=NOON).quote
    rates = {country: current_book().rate(country, NOON).credits_per_segment for country in ("IT", "DE")}
    assert rates == {"IT": 2, "DE": 5}
    assert quote.recipients == 10
    assert quote.credits == 5 * 2 * rates["IT"] + 5 * 2 * rates["DE"] == 70


def test_r3_an_order_keeps_its_price_and_the_page_divides_without_rounding_a_message_up(platform):
    package_id = create_package(Terms(999, 24, 5_000, 4_500), actor=ADA, now=NOON)
    [offer] = offers(packages_for_sale(), "EUR", 2)
    assert (offer.messages, str(offer.price_per_message_minor)) == (499, "9.02")
    terms_id = listed_package(package_id).terms.id
    order = place_order(platform.id, terms_id=terms_id, currency="EUR", key="a", actor=ADA, now=NOON)
    change_package(package_id, Terms(999, 24, 9_000, 9_000), seen_terms_id=terms_id, actor=ADA, now=NOON)
    assert order.price_minor == 4_500


def test_r4_only_a_paid_order_creates_credits_and_a_cancelled_one_never_does(platform):
    package_id = create_package(Terms(1_000, 24, 5_000, 4_500), actor=ADA, now=NOON)
    terms_id = listed_package(package_id).terms.id
    paid, cancelled = (
        place_order(platform.id, terms_id=terms_id, currency="EUR", key=key, actor=ADA, now=NOON).id
        for key in ("a", "b")
    )
    assert engine.balance(platform.id, now=NOON).available == 0
    for _ in range(3):
        mark_paid(paid, reference="bank 1", actor=ADA, now=NOON)
    cancel(cancelled, actor=ADA, now=NOON)
    with pytest.raises(OrderRefused):
        mark_paid(cancelled, reference="bank 2", actor=ADA, now=NOON)
    with pytest.raises(OrderRefused):
        cancel(paid, actor=ADA, now=NOON)
    assert engine.balance(platform.id, now=NOON).available == 1_000


def test_r5_an_order_paid_just_after_midnight_in_italy_expires_a_day_later_than_one_just_before(platform):
    package_id = create_package(Terms(1_000, 24, 5_000, 4_500), actor=ADA, now=NOON)
    terms_id = listed_package(package_id).terms.id
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    days = []
    for key, at in (("a", midnight - timedelta(seconds=1)), ("b", midnight)):
        order = place_order(platform.id, terms_id=terms_id, currency="EUR", key=key, actor=ADA, now=NOON)
        days.append(mark_paid(order.id, reference=key, actor=ADA, now=at).expires_on)
    assert days == [date(2028, 11, 22), date(2028, 11, 23)]


def test_r13_quote_hold_and_charge_are_one_number_whatever_changes(platform, sending):  # noqa: F811
    grant(platform.id, 1_000, now=NOON)
    people = [(ITALY + n, "IT", {"first_name": "Ada" * n}) for n in range(40)] + [(BRITAIN, "GB", {})]
    shop = make_list(platform.id, "Shop", people)
    text = "Ciao {first_name|friend}, " + "x" * 100
    campaign_id, quote = scheduled(platform, draft_of(platform, text, shop))
    assert engine.balance(platform.id, now=NOON).held == quote.credits
    recipients.add_recipient(platform.id, shop, ITALY + 99, "IT", {"first_name": "late"}, now=NOON)

    gateway = FakeGateway()
    while not dispatching.step(campaign_id, gateway, sending(), now=NOON).over:
        pass
    until = clock.now().date() + timedelta(days=1)  # the hand-over is charged at its own instant
    charged = engine.usage(platform.id, from_on=NOON.date(), to_on=until, group="day").total.credits
    assert charged == quote.credits == sum(message.credits for message in messages_of(campaign_id))
    after = engine.balance(platform.id, now=NOON)
    assert (after.held, after.available) == (0, 1_000 - quote.credits)


def test_r13_a_quote_that_is_no_longer_true_is_refused_with_the_new_one(platform):
    grant(platform.id, 1_000, now=NOON)
    shop = make_list(platform.id, "Shop", [(ITALY, "IT", {})])
    draft = draft_of(platform, "Hi", shop)
    made = drafts.create_draft(platform.id, draft, actor=ADA, now=NOON)
    seen = quote_draft(platform.id, draft, zone=ROME, now=NOON).quote.fingerprint
    recipients.add_recipient(platform.id, shop, ITALY + 1, "IT", {}, now=NOON)
    with pytest.raises(scheduling.QuoteChanged):
        scheduling.schedule(platform.id, made.id, scheduling.confirms(seen), zone=ROME, actor=ADA, now=NOON)
    assert engine.balance(platform.id, now=NOON).held == 0


def test_r14_a_number_in_several_lists_gets_one_message_paid_by_the_first_and_every_row_is_accounted_for(
    platform,
):
    grant(platform.id, 1_000, now=NOON)
    first = make_list(
        platform.id, "First", [(ITALY, "IT", {"name": "first"}), (ITALY + 1, "IT", {"name": "x"})]
    )
    second = make_list(
        platform.id, "Second", [(ITALY, "IT", {"name": "second"}), (ITALY + 2, "IT", {"name": "y"})]
    )
    campaign_id, quote = scheduled(platform, draft_of(platform, "Hi {name}", first, second))
    sent = messages_of(campaign_id)
    assert [(message.phone, message.list_id) for message in sent] == [
        (ITALY, first),
        (ITALY + 1, first),
        (ITALY + 2, second),
    ]
    assert sent[0].merge["name"] == "first"
    assert quote.recipients + sum(quote.excluded.values()) == 4
    assert quote.excluded["duplicate"] == 1
