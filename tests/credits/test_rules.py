"""The rules of credits by their number, through the database: R2, R4 to R12, R15, R16 (R17: test_replays)."""

from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.credits.ledgers import (
    ADA,
    CAMPAIGN,
    NOW,
    VERBS,
    adjust,
    assign,
    assigned,
    capture,
    charge,
    choose,
    day,
    every_verb,
    everything,
    free,
    grant,
    hold,
    key,
    lots_left,
    make_list,
    purchase,
    release,
    reschedule,
    slices,
    totals,
)
from tests.personas import make_platform
from webapp.audience import lists
from webapp.credits import engine, movements, releasing
from webapp.credits.engine import (
    BadQuantity,
    BadRequest,
    CreditsExpireBefore,
    HoldAlreadyResolved,
    HoldExceeded,
    IdempotencyConflict,
    InsufficientCredits,
    NotFound,
    Subject,
)
from webapp.credits.expiry import expires_at
from webapp.credits.movement_query import Filters
from webapp.db import db

JUNE = date(2027, 6, 1)
JULY = date(2027, 7, 1)

pytestmark = pytest.mark.usefixtures("the_books_are_right")


# R2


def test_r2_available_is_unassigned_and_assigned_and_what_unexpired_lots_have_left(platform, vip):
    grant(platform, 50, JUNE)
    grant(platform, 20)
    assign(platform, {vip: 30})
    hold(platform, {vip: 10, None: 5})
    told = engine.balance(platform, now=NOW)
    assert (told.available, told.held, told.unassigned, told.assigned) == (55, 15, 35, 20)
    assert [(one.list_id, one.access, one.assigned, one.held) for one in told.lists] == [
        (vip, "limited", 20, 10)
    ]
    assert [(one.label, one.subject, one.credits) for one in told.holds] == [("Spring sale", CAMPAIGN, 15)]
    assert (told.next_expiry.on, told.next_expiry.last_usable_on, told.next_expiry.credits) == (
        JUNE,
        day("2027-05-31"),
        50,
    )


def test_r2_a_new_platform_has_nothing_and_says_so(platform):
    told = engine.balance(platform, now=NOW)
    assert (told.available, told.held, told.lots, told.holds, told.next_expiry) == (0, 0, (), (), None)


def test_r2_a_platform_that_does_not_exist_is_not_found(database):
    with pytest.raises(NotFound):
        engine.balance(2**40, now=NOW)


# R4


def test_r4_a_second_payment_notice_creates_no_credits(platform):
    first = purchase(platform, 100, key="order-3")
    again = purchase(platform, 100, key="order-3", now=NOW + timedelta(days=400))
    assert again.replayed
    assert (again.lot_id, again.expires_on, again.transaction_id) == (
        first.lot_id,
        first.expires_on,
        first.transaction_id,
    )
    assert totals(platform)[0] == 100


def test_r4_no_operation_takes_credits_to_another_platform_or_back_out(database):
    names = {name for name in engine.__all__ if name[0].islower()}
    assert not {name for name in names if "refund" in name or "transfer" in name or "withdraw" in name}


# R5


@pytest.mark.parametrize(
    ("paid_at", "months", "expires_on"),
    [
        ("2027-01-31T12:00+00:00", 1, "2027-02-28"),
        ("2028-01-31T12:00+00:00", 1, "2028-02-29"),
        ("2028-02-29T12:00+00:00", 12, "2029-02-28"),
        ("2026-11-20T12:00+00:00", 24, "2028-11-20"),
        ("2027-03-02T22:59:59+00:00", 1, "2027-04-02"),  # 23:59:59 in Italy
        ("2027-03-02T23:00:00+00:00", 1, "2027-04-03"),  # midnight in Italy: the next day
        ("2027-07-02T22:00:00+00:00", 1, "2027-08-03"),  # in summer midnight is an hour earlier
        ("2027-10-31T00:30:00+00:00", 12, "2028-10-31"),  # the day the clocks go back
    ],
)
def test_r5_credits_expire_on_the_italian_day_of_payment_some_months_later(
    platform, paid_at, months, expires_on
):
    paid = purchase(platform, 10, months, now=datetime.fromisoformat(paid_at))
    assert paid.expires_on == day(expires_on)


@pytest.mark.parametrize(
    ("expires_on", "midnight"),
    [
        ("2027-06-01", "2027-05-31T22:00+00:00"),
        ("2027-12-01", "2027-11-30T23:00+00:00"),
        ("2027-03-28", "2027-03-27T23:00+00:00"),  # the clocks go forward two hours later
        ("2027-03-29", "2027-03-28T22:00+00:00"),
        ("2027-10-31", "2027-10-30T22:00+00:00"),  # back
        ("2028-02-29", "2028-02-28T23:00+00:00"),
    ],
)
def test_r5_credits_are_usable_until_the_last_microsecond_before_italian_midnight(
    platform, expires_on, midnight
):
    grant(platform, 7, day(expires_on))
    instant = datetime.fromisoformat(midnight)
    assert totals(platform, instant - timedelta(microseconds=1)) == (7, 0, 0)
    assert totals(platform, instant) == (0, 0, 0)
    with pytest.raises(InsufficientCredits):
        hold(platform, 1, now=instant)


# R6


def test_r6_a_purchase_renews_every_dated_lot_its_held_parts_included(platform):
    soon, never, held = grant(platform, 5, JUNE), grant(platform, 5), grant(platform, 9, JULY)
    hold(platform, 5 + 9 + 5, send_at=NOW)
    bought = purchase(platform, 1, 24)
    assert [(one.lot_id, one.expires_on_before, one.expires_on) for one in bought.renewals] == [
        (soon.lot_id, JUNE, day("2029-03-02")),
        (held.lot_id, JULY, day("2029-03-02")),
    ]
    lots = {lot.id: lot.expires_on for lot in engine.balance(platform, now=NOW).lots}
    assert lots[never.lot_id] is None
    assert lots[held.lot_id] == lots[soon.lot_id] == day("2029-03-02")


def test_r6_a_purchase_never_shortens_and_a_new_lot_keeps_its_own_earlier_day(platform):
    long = purchase(platform, 5, 24)
    short = purchase(platform, 5, 1)
    assert short.renewals == ()
    lots = {lot.id: lot.expires_on for lot in engine.balance(platform, now=NOW).lots}
    assert lots == {long.lot_id: day("2029-03-02"), short.lot_id: day("2027-04-02")}


def test_r6_a_purchase_revives_nothing_expired_not_even_its_held_part(platform):
    lot = grant(platform, 10, JUNE)
    held = hold(platform, 4)
    after = expires_at(JUNE)
    bought = purchase(platform, 1, 24, now=after)
    assert bought.renewals == ()
    assert totals(platform, after) == (1, 0, 4)
    assert release(held.hold_id, now=after).expired == 4
    assert lot.lot_id not in lots_left(platform, after)


def test_r6_the_balance_of_any_past_instant_can_be_told_whatever_was_renewed_since(platform):
    lot = grant(platform, 10, JUNE)
    purchase(platform, 3, 24, now=NOW + timedelta(days=10))
    before = engine.balance(platform, now=NOW + timedelta(days=99), at=NOW + timedelta(days=9))
    after = engine.balance(platform, now=NOW + timedelta(days=99), at=NOW + timedelta(days=10))
    assert [(one.id, one.expires_on) for one in before.lots] == [(lot.lot_id, JUNE)]
    assert {one.expires_on for one in after.lots} == {day("2029-03-12")}
    assert before.next_expiry.on == JUNE


def test_r6_the_page_before_payment_shows_the_very_dates_that_payment_makes(platform):
    lot = grant(platform, 10, JUNE)
    hold(platform, 4)
    shown = engine.preview_purchase(platform, validity_months=24, now=NOW)
    assert [(one.lot_id, one.credits, one.expires_on) for one in shown.lots_before] == [
        (lot.lot_id, 10, JUNE)
    ]
    assert [one.expires_on for one in shown.lots_after] == [shown.expires_on]
    bought = purchase(platform, 1, 24)
    assert (bought.renewals, bought.expires_on) == (shown.renewals, shown.expires_on)


# R7


def test_r7_a_grant_renews_nothing(platform):
    lot = grant(platform, 10, JUNE)
    grant(platform, 10, day("2030-01-01"))
    assert {one.id: one.expires_on for one in engine.balance(platform, now=NOW).lots}[lot.lot_id] == JUNE


@pytest.mark.parametrize("expires_on", ["2027-03-02", "2027-03-01", "2000-01-01"])
def test_r7_a_grant_needs_an_expiry_day_after_today_in_italy(platform, expires_on):
    before = everything()
    with pytest.raises(BadRequest, match="after today"):
        grant(platform, 10, day(expires_on))
    assert everything() == before


def test_r7_an_instant_is_no_expiry_day(platform):
    with pytest.raises(BadRequest):
        grant(platform, 10, NOW + timedelta(days=30))


def test_r7_a_grant_needs_a_reason(platform):
    with pytest.raises(BadRequest):
        grant(platform, 10, reason="  ")


def test_r7_an_adjustment_lowers_one_lot_against_the_unassigned(platform, vip):
    one, other = grant(platform, 10), grant(platform, 10)
    assign(platform, {vip: 14})
    assert adjust(platform, one.lot_id, 6).credits_left == 4
    assert totals(platform) == (0, 14, 0)
    assert lots_left(platform) == {one.lot_id: (4, 0), other.lot_id: (10, 0)}


@pytest.mark.parametrize(("credits", "available"), [(11, 10), (7, 6)])
def test_r7_an_adjustment_never_takes_more_than_the_lot_or_the_unassigned_has(
    platform, vip, credits, available
):
    lot = grant(platform, 10)
    if available == 6:
        assign(platform, {vip: 4})
    before = everything()
    with pytest.raises(InsufficientCredits) as caught:
        adjust(platform, lot.lot_id, credits)
    assert (caught.value.needed, caught.value.available) == (credits, available)
    assert everything() == before


def test_r7_an_adjustment_of_another_platforms_lot_is_not_found(platform):
    lot = grant(make_platform().id, 10)
    with pytest.raises(NotFound):
        adjust(platform, lot.lot_id, 1)


# R8


def test_r8_with_50_that_expire_and_20_that_do_not_the_20_are_used_before_the_50(platform):
    expiring, lasting = grant(platform, 50, JUNE), grant(platform, 20)
    held = hold(platform, 30)
    assert slices(held.hold_id) == {expiring.lot_id: (10, 0, 0), lasting.lot_id: (20, 0, 0)}
    capture(held.hold_id, [charge(credits=5), charge(credits=5), charge(credits=12)])
    assert slices(held.hold_id) == {expiring.lot_id: (10, 2, 0), lasting.lot_id: (20, 20, 0)}


def test_r8_a_platform_may_burn_the_earliest_expiry_first(platform):
    choose(platform, burn_order="earliest_expiry_first")
    lasting, late, soon = grant(platform, 20), grant(platform, 20, JULY), grant(platform, 20, JUNE)
    held = hold(platform, 45)
    assert slices(held.hold_id) == {
        lasting.lot_id: (5, 0, 0),
        late.lot_id: (20, 0, 0),
        soon.lot_id: (20, 0, 0),
    }


def test_r8_of_equal_expiry_the_older_lot_goes_first_under_either_order(platform):
    lots = [grant(platform, 10, JUNE).lot_id for _ in range(3)]
    for policy in ("latest_expiry_first", "earliest_expiry_first"):
        choose(platform, burn_order=policy)
        held = hold(platform, 15)
        assert slices(held.hold_id) == {lots[0]: (10, 0, 0), lots[1]: (5, 0, 0)}
        release(held.hold_id)


def test_r8_the_order_in_force_is_written_on_every_transaction_and_told_of_the_past(platform):
    grant(platform, 10)
    choose(platform, burn_order="earliest_expiry_first")
    grant(platform, 10, now=NOW + timedelta(days=2))
    orders = (
        db.session.execute(text("SELECT burn_order FROM ledger_transaction ORDER BY id DESC LIMIT 2"))
        .scalars()
        .all()
    )
    assert orders == ["earliest_expiry_first", "latest_expiry_first"]
    told = engine.balance(platform, now=NOW + timedelta(days=3), at=NOW + timedelta(days=1))
    assert told.burn_order == "latest_expiry_first"


def test_r8_an_open_hold_is_captured_in_the_order_in_force_then(platform):
    expiring, lasting = grant(platform, 10, JUNE), grant(platform, 10)
    held = hold(platform, 20)
    choose(platform, burn_order="earliest_expiry_first")
    capture(held.hold_id, [charge(credits=8)])
    assert slices(held.hold_id) == {expiring.lot_id: (10, 8, 0), lasting.lot_id: (10, 0, 0)}


# R9


def test_r9_a_limited_list_spends_its_own_and_nothing_else_and_nobody_else_spends_it(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {vip: 30})
    with pytest.raises(InsufficientCredits) as caught:
        hold(platform, {vip: 31})
    assert [(s.list_id, s.needed, s.available) for s in caught.value.shortfalls] == [(vip, 31, 30)]
    with pytest.raises(InsufficientCredits) as caught:
        hold(platform, {shop: 71})
    assert [(s.list_id, s.needed, s.available) for s in caught.value.shortfalls] == [(shop, 71, 70)]
    hold(platform, {vip: 30, shop: 70})
    assert totals(platform) == (0, 0, 100)


def test_r9_nothing_assigned_is_limited_too(platform, vip):
    grant(platform, 100)
    assign(platform, {vip: 0})
    assert assigned(platform) == {vip: 0}
    with pytest.raises(InsufficientCredits):
        hold(platform, {vip: 1})


def test_r9_assigning_says_what_a_list_has_then_not_what_it_gets_more(platform, vip):
    grant(platform, 100)
    assign(platform, {vip: 30})
    assert assign(platform, {vip: 20}).changes == {vip: -10}
    assert totals(platform) == (80, 20, 0)


def test_r9_lists_change_together_or_not_at_all(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {vip: 90})
    before = everything()
    with pytest.raises(InsufficientCredits) as caught:
        engine.set_access(platform, {vip: 60, shop: 41}, actor=ADA, now=NOW, key=key())
    assert [(s.list_id, s.needed, s.available, s.short) for s in caught.value.shortfalls] == [
        (shop, 41, 40, 1)
    ]
    assert everything() == before
    engine.set_access(platform, {vip: 60, shop: 40}, actor=ADA, now=NOW, key=key())
    assert assigned(platform) == {shop: 40, vip: 60}
    engine.set_access(platform, {vip: None, shop: 100}, actor=ADA, now=NOW, key=key())
    assert assigned(platform) == {shop: 100}


def test_r9_all_lists_free_is_one_action(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {vip: 60, shop: 0})
    assert free(platform).changes == {vip: -60}
    assert totals(platform) == (100, 0, 0)
    assert assigned(platform) == {}


def test_r9_freeing_or_limiting_never_touches_open_holds(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {vip: 50})
    held = hold(platform, {vip: 20, shop: 20})
    before = slices(held.hold_id)
    free(platform)
    assign(platform, {shop: 5})
    assert slices(held.hold_id) == before
    assert totals(platform) == (55, 5, 40)
    capture(held.hold_id, [charge(vip, 20), charge(shop, 20)])
    assert totals(platform) == (55, 5, 0)


def test_r9_another_platforms_list_is_not_found(platform):
    foreign = make_list(make_platform().id)
    grant(platform, 100)
    with pytest.raises(NotFound):
        assign(platform, {foreign: 1})
    with pytest.raises(NotFound):
        hold(platform, {foreign: 1})
    assert totals(platform) == (100, 0, 0)


def test_r9_a_deleted_list_gives_back_what_it_has_and_cannot_be_limited_again(platform, vip):
    grant(platform, 100)
    assign(platform, {vip: 40})
    held = hold(platform, {vip: 10})
    db.session.execute(text("UPDATE recipient_list SET deleted_at = now() WHERE id = :id"), {"id": vip})
    free(platform, [vip])
    assert totals(platform) == (90, 0, 10)
    with pytest.raises(NotFound):
        assign(platform, {vip: 1})
    capture(held.hold_id, [charge(vip, 4)])
    release(held.hold_id)
    assert totals(platform) == (96, 0, 0)


def test_r9_a_list_renamed_while_credits_are_held_for_it_is_the_same_list(platform, vip):
    grant(platform, 100)
    assign(platform, {vip: 40})
    held = hold(platform, {vip: 10}, key="held")
    before = everything()
    lists.rename_list(platform, vip, "Very important")
    after = everything()
    assert {table for table in after if after[table] != before[table]} == {"recipient_list"}
    capture(held.hold_id, [charge(vip, 4)])
    release(held.hold_id, {vip: 1})
    reschedule(held.hold_id, {vip: 6})
    assert hold(platform, {vip: 10}, key="held").replayed
    assert (assigned(platform), totals(platform)) == ({vip: 30}, (60, 30, 6))
    names = [names[vip] for movement, names in movements.each(platform, Filters()) if vip in names]
    assert set(names) == {"Very important"}
    assert {move.kind for move, _ in movements.each(platform, Filters())} >= {"capture", "release", "hold"}


# R10


def test_r10_lots_of_one_instant_are_taken_together_off_the_unassigned_first(platform, vip):
    grant(platform, 30, JUNE)
    grant(platform, 30, JUNE)
    grant(platform, 100)
    assign(platform, {vip: 90})
    [expired] = engine.expire_due(now=expires_at(JUNE))
    assert (expired.credits, expired.unassigned, expired.lists) == (60, 60, {})
    assert totals(platform, expires_at(JUNE)) == (10, 90, 0)


def test_r10_only_the_remainder_is_taken_off_the_lists_in_proportion(platform):
    lists = [make_list(platform) for _ in range(3)]
    grant(platform, 60, JUNE)
    grant(platform, 40)
    assign(platform, dict(zip(lists, (50, 30, 10), strict=True)))
    [expired] = engine.expire_due(now=expires_at(JUNE))
    # 10 off the unassigned; 50 of 90 off the lists: 27 7/9, 16 6/9, 5 5/9
    assert (expired.unassigned, expired.lists) == (10, {lists[0]: 28, lists[1]: 17, lists[2]: 5})


def test_r10_equal_remainders_go_to_the_lower_list_id(platform):
    lists = [make_list(platform) for _ in range(3)]
    grant(platform, 10, JUNE)
    grant(platform, 20)
    assign(platform, {lists[2]: 10, lists[0]: 10, lists[1]: 10})
    [expired] = engine.expire_due(now=expires_at(JUNE))
    assert expired.lists == {lists[0]: 4, lists[1]: 3, lists[2]: 3}


def test_r10_earlier_instants_come_first_however_late_they_are_noticed(platform, shop, vip):
    grant(platform, 10, JUNE)
    grant(platform, 10, JULY)
    grant(platform, 10)
    assign(platform, {shop: 20, vip: 5})
    late = expires_at(JULY) + timedelta(days=3)
    first, second = engine.expire_due(now=late)
    assert (first.at, second.at) == (expires_at(JUNE), expires_at(JULY))
    assert (first.unassigned, first.lists) == (5, {shop: 4, vip: 1})
    assert (second.unassigned, second.lists) == (0, {shop: 8, vip: 2})
    assert engine.expire_due(now=late) == ()


def test_r10_held_parts_are_not_touched(platform):
    lot = grant(platform, 10, JUNE)
    held = hold(platform, 4)
    engine.expire_due(now=expires_at(JUNE))
    assert lots_left(platform, expires_at(JUNE)) == {lot.lot_id: (0, 4)}
    capture(held.hold_id, [charge(credits=4)], now=expires_at(JUNE))
    assert totals(platform, expires_at(JUNE)) == (0, 0, 0)


def test_r10_reads_show_what_is_past_its_day_as_gone_though_no_job_has_run(platform, vip):
    grant(platform, 10, JUNE)
    assign(platform, {vip: 6})
    before = everything()
    assert totals(platform, expires_at(JUNE)) == (0, 0, 0)
    assert engine.funding(platform, [vip], now=expires_at(JUNE), send_at=expires_at(JUNE)).limited == {vip: 0}
    assert everything() == before


def test_r10_an_expiry_counts_from_its_midnight_however_late_it_is_recorded(platform):
    grant(platform, 10, JUNE)
    now = expires_at(JUNE) + timedelta(days=3)
    engine.expire_due(now=now)
    assert totals(platform, now, at=expires_at(JUNE)) == (0, 0, 0)
    assert totals(platform, now, at=expires_at(JUNE) - timedelta(seconds=1)) == (10, 0, 0)


@pytest.mark.parametrize("verb", sorted({*VERBS} - {"capture"}))
def test_r10_every_write_but_a_capture_first_expires_what_is_due_as_a_transaction_of_its_own(
    platform, vip, verb
):
    grant(platform, 10, JUNE)
    acts = every_verb(platform, vip, now=expires_at(JUNE))
    before = engine.balance(platform, now=NOW).available
    done = acts[verb]("the key")
    rows = db.session.execute(
        text(
            "SELECT kind, key IS NULL, available_after FROM ledger_transaction WHERE platform_id = :id"
            " AND id <= :done AND at >= :due ORDER BY id"
        ),
        {"id": platform, "done": done.transaction_id, "due": expires_at(JUNE)},
    ).all()
    assert tuple(rows[0]) == ("expire", True, before - 10)
    assert rows[-1].kind not in ("expire", None)


# R11


def test_r11_a_hold_takes_each_demand_from_its_own_funding_and_partitions_one_sum_twice(platform, shop, vip):
    lot = grant(platform, 100)
    assign(platform, {vip: 30})
    held = hold(platform, {shop: 20, vip: 10, None: 5})
    rows = db.session.execute(
        text("SELECT list_id, funding, credits FROM hold_demand WHERE hold_id = :id ORDER BY position"),
        {"id": held.hold_id},
    ).all()
    assert [tuple(row) for row in rows] == [
        (shop, "unassigned", 20),
        (vip, "assigned", 10),
        (None, "unassigned", 5),
    ]
    assert slices(held.hold_id) == {lot.lot_id: (35, 0, 0)}
    assert totals(platform) == (45, 20, 35)


def test_r11_where_free_lists_share_too_little_the_later_chosen_ones_fall_short(platform, shop, vip):
    third = make_list(platform)
    grant(platform, 100)
    with pytest.raises(InsufficientCredits) as caught:
        hold(platform, {vip: 60, third: 60, shop: 10})
    assert [(s.list_id, s.needed, s.available) for s in caught.value.shortfalls] == [
        (third, 60, 40),
        (shop, 10, 0),
    ]
    assert (caught.value.needed, caught.value.available) == (130, 100)


def test_r11_credits_that_expire_before_the_send_time_are_not_held(platform):
    soon, late = grant(platform, 50, JUNE), grant(platform, 20, JULY)
    send_at = expires_at(JUNE)
    with pytest.raises(CreditsExpireBefore) as caught:
        hold(platform, 21, send_at=send_at)
    refusal = caught.value
    assert (refusal.needed, refusal.usable, refusal.send_at) == (21, 20, send_at)
    assert [(one.lot_id, one.credits, one.expires_on) for one in refusal.expiring] == [
        (soon.lot_id, 50, JUNE)
    ]
    held = hold(platform, 20, send_at=send_at)
    assert slices(held.hold_id) == {late.lot_id: (20, 0, 0)}
    hold(platform, 50, send_at=send_at - timedelta(microseconds=1))


def test_r11_a_quote_is_told_what_lists_may_spend_at_the_send_time(platform, shop, vip):
    grant(platform, 50, JUNE)
    grant(platform, 20)
    assign(platform, {vip: 40})
    told = engine.funding(platform, [shop, vip], now=NOW, send_at=expires_at(JUNE))
    assert (told.unassigned, told.limited, told.usable, told.expiring_before) == (30, {vip: 40}, 20, 50)
    assert (told.available(shop), told.available(vip), told.access(vip), told.access(shop)) == (
        20,
        20,
        "limited",
        "free",
    )


def test_r12_a_quote_for_a_swap_is_told_what_the_swap_may_spend(platform, shop, vip):
    grant(platform, 50, JUNE)
    grant(platform, 20)
    assign(platform, {vip: 40})
    held = hold(platform, {shop: 25, vip: 35}, send_at=NOW)
    told = engine.funding(platform, [shop, vip], now=NOW, send_at=NOW, releasing=held.hold_id)
    assert (told.unassigned, told.limited, told.usable) == (30, {vip: 40}, 70)
    with pytest.raises(InsufficientCredits):
        reschedule(held.hold_id, {shop: 31, vip: 40})
    swapped = reschedule(held.hold_id, {shop: 30, vip: 40})
    assert totals(platform) == (0, 0, 70)
    free(platform, [vip])
    told = engine.funding(platform, [vip], now=NOW, send_at=NOW, releasing=swapped.hold_id)
    assert (told.unassigned, told.limited) == (70, {}), "what a list held goes where releasing brings it"


def test_r12_what_has_expired_in_a_hold_is_not_available_to_its_swap(platform, vip):
    grant(platform, 50, JUNE)
    assign(platform, {vip: 40})
    held = hold(platform, {vip: 30}, send_at=NOW)
    grant(platform, 20, now=expires_at(JUNE))
    told = engine.funding(
        platform, [vip], now=expires_at(JUNE), send_at=expires_at(JUNE), releasing=held.hold_id
    )
    assert (told.unassigned, told.limited, told.usable) == (20, {vip: 0}, 20)


def test_r11_a_refused_hold_changes_nothing_and_its_key_may_be_tried_again(platform):
    grant(platform, 10, JUNE)
    before = everything()
    with pytest.raises(InsufficientCredits):
        hold(platform, 11, key="try", now=expires_at(JUNE))
    assert everything() == before, "not even what was due is expired by it"
    grant(platform, 11, now=expires_at(JUNE))
    assert not hold(platform, 11, key="try", now=expires_at(JUNE)).replayed


def test_r11_a_refusal_inside_a_larger_transaction_leaves_that_one_whole(platform):
    from webapp.db import transaction

    grant(platform, 10, JUNE)
    before = everything()
    with transaction():
        with pytest.raises(InsufficientCredits):
            hold(platform, 11, now=expires_at(JUNE))
        held = hold(platform, 10)
        with pytest.raises(InsufficientCredits):
            reschedule(held.hold_id, {None: 11})
    assert slices(held.hold_id) != {}
    assert totals(platform) == (0, 0, 10)
    assert everything() != before


# R12


def test_r12_slices_are_captured_in_burn_order_and_released_in_reverse(platform):
    soon, late, never = grant(platform, 10, JUNE), grant(platform, 10, JULY), grant(platform, 10)
    held = hold(platform, 30)
    capture(held.hold_id, [charge(credits=12)])
    release(held.hold_id, {None: 12})
    assert slices(held.hold_id) == {
        soon.lot_id: (10, 0, 10),
        late.lot_id: (10, 2, 2),
        never.lot_id: (10, 10, 0),
    }


def test_r12_a_message_is_charged_once_whatever_batch_retries_it(platform):
    grant(platform, 100)
    held = hold(platform, 50)
    one, two = charge(credits=3), charge(credits=4)
    assert capture(held.hold_id, [one]).credits == 3
    again = capture(held.hold_id, [one, two])
    assert (again.credits, again.message_ids) == (4, (two.message_id,))
    assert capture(held.hold_id, [one, two]).credits == 0
    assert totals(platform) == (50, 0, 43)


def test_r12_more_than_a_list_has_held_is_refused_with_the_numbers(platform, shop, vip):
    grant(platform, 100)
    held = hold(platform, {shop: 10, vip: 20})
    before = everything()
    with pytest.raises(HoldExceeded) as caught:
        capture(held.hold_id, [charge(shop, 11), charge(vip, 1)])
    assert [(s.list_id, s.needed, s.available) for s in caught.value.shortfalls] == [(shop, 11, 10)]
    with pytest.raises(HoldExceeded):
        release(held.hold_id, {None: 1})
    assert everything() == before


def test_r12_a_resolved_hold_gives_nothing_more(platform):
    grant(platform, 100)
    held = hold(platform, 10)
    capture(held.hold_id, [charge(credits=4)])
    release(held.hold_id)
    for again in (
        lambda: capture(held.hold_id, [charge(credits=1)]),
        lambda: release(held.hold_id),
        lambda: reschedule(held.hold_id, {None: 1}),
    ):
        with pytest.raises(HoldAlreadyResolved):
            again()


def test_r12_a_release_goes_to_the_list_if_it_is_limited_then_else_to_the_unassigned(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {vip: 50})
    held = hold(platform, {vip: 20, shop: 20})
    free(platform, [vip])
    assign(platform, {shop: 1})
    release(held.hold_id)
    assert assigned(platform) == {shop: 21}
    assert totals(platform) == (79, 21, 0)


def test_r12_a_release_past_expiry_expires_at_once_and_reaches_neither_pool_nor_list(platform, shop, vip):
    lot = grant(platform, 40, JUNE)
    assign(platform, {vip: 20})
    held = hold(platform, {vip: 20, shop: 10})
    grant(platform, 5)
    done = release(held.hold_id, now=expires_at(JUNE))
    assert (done.credits, done.expired) == (30, 30)
    assert totals(platform, expires_at(JUNE)) == (5, 0, 0)
    assert lots_left(platform, expires_at(JUNE)).get(lot.lot_id) is None


def test_r12_of_a_release_partly_past_expiry_the_unassigned_bears_it_before_the_lists(platform, shop, vip):
    grant(platform, 12, JUNE)
    grant(platform, 28)
    assign(platform, {vip: 20})
    held = hold(platform, {vip: 20, shop: 10, None: 10})
    release(held.hold_id, now=expires_at(JUNE))
    assert totals(platform, expires_at(JUNE)) == (8, 20, 0)


def test_r12_a_thousand_holds_and_releases_across_expiries_give_no_credit_a_longer_life(platform, vip):
    for month in range(4, 10):
        grant(platform, 40, date(2027, month, 1))
    assign(platform, {vip: 100})
    now, life = NOW, life_days(platform, NOW)
    for number in range(1000):
        try:
            held = hold(platform, {vip: 1 + number % 7, None: 1 + number % 11}, now=now)
        except InsufficientCredits:
            held = None
        now += timedelta(hours=5)
        if held:
            release(held.hold_id, now=now)
        if number % 20 == 0:
            before, life = life, life_days(platform, now)
            assert life <= before
    assert totals(platform, now) == (0, 0, 0)


def life_days(platform, now):
    lots = engine.balance(platform, now=now).lots
    return sum((lot.credits_left + lot.held) * max((lot.expires_on - NOW.date()).days, 0) for lot in lots)


def test_r12_what_is_unresolved_seven_days_after_the_send_time_is_released(platform):
    grant(platform, 10)
    send_at = NOW + timedelta(days=30)
    held = hold(platform, 6, send_at=send_at)
    capture(held.hold_id, [charge(credits=2)], now=send_at)
    assert engine.release_unresolved(now=send_at + timedelta(days=7, microseconds=-1)) == ()
    [released] = engine.release_unresolved(now=send_at + timedelta(days=7))
    assert (released.hold_id, released.credits) == (held.hold_id, 4)
    assert engine.release_unresolved(now=send_at + timedelta(days=8)) == ()


def test_r12_rescheduling_swaps_the_hold_and_may_spend_what_the_old_one_held(platform, vip):
    grant(platform, 10)
    assign(platform, {vip: 4})
    old = hold(platform, {vip: 4, None: 6})
    new = reschedule(old.hold_id, {vip: 3, None: 5}, send_at=NOW + timedelta(days=1))
    assert totals(platform) == (1, 1, 8)
    [told] = engine.balance(platform, now=NOW).holds
    assert (told.id, told.label, told.subject, told.send_at) == (
        new.hold_id,
        "Spring sale",
        CAMPAIGN,
        NOW + timedelta(days=1),
    )


def test_r12_a_refused_rescheduling_keeps_the_old_hold(platform):
    grant(platform, 10, JUNE)
    old = hold(platform, 6)
    with pytest.raises(InsufficientCredits):
        reschedule(old.hold_id, {None: 11})
    with pytest.raises(CreditsExpireBefore):
        reschedule(old.hold_id, {None: 6}, send_at=expires_at(JUNE))
    assert [one.id for one in engine.balance(platform, now=NOW).holds] == [old.hold_id]


def test_splitting_a_capture_changes_nothing():
    def captured(batches):
        of = make_platform().id
        grant(of, 8, JUNE)
        grant(of, 30)
        held = hold(of, 20)
        for batch in batches:
            capture(held.hold_id, [charge(credits=credits) for credits in batch])
        return [amounts for _lot, amounts in sorted(slices(held.hold_id).items())]

    assert captured([(3, 4, 5)]) == captured([(3,), (4,), (5,)]) == captured([(3, 4), (5,)])


def test_splitting_a_hold_changes_nothing():
    def held(parts):
        of = make_platform().id
        grant(of, 8, JUNE)
        grant(of, 30)
        for credits in parts:
            hold(of, credits)
        return [(lot.credits_left, lot.held) for lot in engine.balance(of, now=NOW).lots]

    assert held([20]) == held([7, 13]) == held([1] * 20)


def test_a_new_lot_changes_no_holds_lots_or_amounts_only_their_days(platform):
    grant(platform, 30, JUNE)
    held = hold(platform, 20)
    before = slices(held.hold_id)
    purchase(platform, 100)
    assert slices(held.hold_id) == before


# R15 and R16


def test_r15_usage_is_told_by_day_list_campaign_and_country_and_equals_the_charges(platform, shop, vip):
    grant(platform, 100)
    held = hold(platform, {shop: 30, vip: 30, None: 10})
    capture(
        held.hold_id,
        [charge(shop, 2, segments=3), charge(vip, 4, country="DE"), charge(None, 1, country="DE")],
    )
    capture(held.hold_id, [charge(shop, 2)], now=NOW + timedelta(days=1))
    days = {"from_on": NOW.date(), "to_on": NOW.date() + timedelta(days=1)}

    def told(group, **filters):
        found = engine.usage(platform, **days, group=group, **filters)
        assert found.total.credits == sum(row.credits for row in found.rows)
        return [(row.key, row.messages, row.segments, row.credits) for row in found.rows]

    assert told("day") == [(NOW.date(), 3, 5, 11), (NOW.date() + timedelta(days=1), 1, 1, 2)]
    assert told("list") == [(shop, 2, 4, 8), (vip, 1, 1, 4), (None, 1, 1, 1)]
    assert told("campaign") == [(CAMPAIGN, 4, 6, 13)]
    assert told("country", list_id=None) == [("DE", 1, 1, 1)]
    assert told("day", list_id=vip) == [(NOW.date(), 1, 1, 4)]
    assert told("list", subject=Subject("campaign", 8)) == []


def test_r15_roll_ups_can_be_dropped_and_rebuilt_without_changing_an_answer(platform, shop):
    grant(platform, 100)
    held = hold(platform, {shop: 30, None: 10})
    capture(held.hold_id, [charge(shop, 2, segments=3), charge(None, 4, country="DE")])
    choose(platform, time_zone="Pacific/Auckland")
    capture(held.hold_id, [charge(shop, 2)])
    days = {"from_on": NOW.date(), "to_on": NOW.date() + timedelta(days=1)}
    before = [engine.usage(platform, **days, group=group) for group in ("day", "list", "campaign", "country")]
    db.session.execute(text("TRUNCATE usage_day"))
    assert {drift.check for drift in engine.verify()} == {"usage"}
    engine.rebuild_usage()
    assert [
        engine.usage(platform, **days, group=group) for group in ("day", "list", "campaign", "country")
    ] == before


def test_r16_a_changed_time_zone_changes_later_days_only(platform):
    grant(platform, 100)
    held = hold(platform, 30)
    evening = datetime(2027, 3, 2, 23, 30, tzinfo=UTC)  # in Rome it is tomorrow already
    capture(held.hold_id, [charge(credits=1)], now=evening)
    choose(platform, time_zone="America/New_York")
    capture(held.hold_id, [charge(credits=2)], now=evening)
    found = engine.usage(platform, from_on=day("2027-03-01"), to_on=day("2027-03-31"))
    assert [(row.key, row.credits) for row in found.rows] == [(day("2027-03-02"), 2), (day("2027-03-03"), 1)]


def test_r16_expiry_stays_italian_whatever_the_platforms_zone(platform):
    choose(platform, time_zone="Pacific/Auckland")
    grant(platform, 5, JUNE)
    assert totals(platform, expires_at(JUNE) - timedelta(microseconds=1)) == (5, 0, 0)


@pytest.mark.parametrize("verb", ["now", "send_at"])
def test_r16_an_instant_without_a_zone_is_refused(platform, verb):
    grant(platform, 5)
    with pytest.raises(BadRequest):
        hold(platform, 1, **{verb: datetime(2027, 3, 2, 9, 0)})  # noqa: DTZ001


# Quantities, at every door

BAD = [0, -1, 1.0, 1.5, True, False, "5", b"5", None, float("nan"), float("inf"), 2**53, 2**63, 2**200]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_what_is_no_quantity_is_refused_at_every_door(platform, vip, bad):
    lot = grant(platform, 100)
    held = hold(platform, 10)
    before = everything()
    doors = [
        lambda: grant(platform, bad),
        lambda: purchase(platform, bad),
        lambda: adjust(platform, lot.lot_id, bad),
        lambda: hold(platform, {None: bad}),
        lambda: hold(platform, {vip: 1, None: bad}),
        lambda: reschedule(held.hold_id, {None: bad}),
        lambda: capture(held.hold_id, [charge(credits=bad, segments=1)]),
        lambda: capture(held.hold_id, [charge(credits=1, segments=bad)]),
        lambda: release(held.hold_id, {None: bad}),
    ]
    if bad != 0 or isinstance(bad, (bool, float)):
        doors.append(lambda: assign(platform, {vip: bad}))
        if bad is not None:
            doors.append(lambda: engine.set_access(platform, {vip: bad}, actor=ADA, now=NOW, key=key()))
    for door in doors:
        with pytest.raises(BadQuantity):
            door()
    assert everything() == before


def test_totals_stay_exact_numbers_too(platform, vip, shop):
    most = engine.MOST_CREDITS
    grant(platform, most - 1)
    grant(platform, 1)
    with pytest.raises(BadQuantity):
        grant(platform, 1)
    with pytest.raises(BadQuantity):
        hold(platform, {vip: most, shop: 1})
    held = hold(platform, most)
    with pytest.raises(BadQuantity):
        capture(held.hold_id, [charge(credits=2**30, segments=2**30)])
    with pytest.raises(BadQuantity):
        release(held.hold_id, {None: most, vip: 1})
    capture(held.hold_id, [charge(credits=most)])
    with pytest.raises(BadQuantity):
        grant(platform, 1)


@pytest.mark.parametrize("nothing", [[], ()])
def test_a_write_about_nothing_is_refused(platform, nothing):
    held = (grant(platform, 5), hold(platform, 5))[1]
    for door in (
        lambda: engine.place_hold(
            platform, nothing, send_at=NOW, subject=CAMPAIGN, label="x", actor=ADA, now=NOW, key=key()
        ),
        lambda: capture(held.hold_id, nothing),
        lambda: release(held.hold_id, {}),
        lambda: assign(platform, {}),
    ):
        with pytest.raises(BadRequest):
            door()


def test_r12_another_platforms_hold_funds_nothing(platform, vip):
    stranger = make_platform().id
    grant(stranger, 50)
    theirs = hold(stranger, 40)
    grant(platform, 10)
    with pytest.raises(NotFound):
        engine.funding(platform, [vip], now=NOW, send_at=NOW, releasing=theirs.hold_id)


@pytest.mark.parametrize("verb", VERBS)
def test_what_an_operation_answers_cannot_be_changed(platform, vip, verb):
    answer = every_verb(platform, vip)[verb]("the key")
    for name, value in vars(answer).items():
        with pytest.raises(FrozenInstanceError):
            setattr(answer, name, value)
        assert not isinstance(value, (dict, list, set)), name


def test_what_expires_and_what_funds_cannot_be_changed(platform, vip):
    grant(platform, 10, JUNE)
    assign(platform, {vip: 4})
    funds = engine.funding(platform, [vip], now=NOW, send_at=NOW)
    [expired] = engine.expire_due(now=expires_at(JUNE))
    for amounts in (funds.limited, expired.lists, expired.lots):
        with pytest.raises(TypeError):
            amounts[1] = 1


def test_a_clock_that_runs_behind_changes_no_order(platform, vip):
    """Another machine's clock is an hour late: what it does counts from what was done already."""
    grant(platform, 30)
    held, late = hold(platform, 20, now=NOW + timedelta(hours=2)), NOW + timedelta(hours=1)
    capture(held.hold_id, [charge(credits=5)], now=late)
    release(held.hold_id, {None: 5}, now=late)
    assign(platform, {vip: 3}, now=late)
    instants = [
        row[0]
        for row in db.session.execute(
            text("SELECT at FROM ledger_transaction WHERE platform_id = :id ORDER BY id"), {"id": platform}
        )
    ]
    assert instants == sorted(instants) and instants[-1] == NOW + timedelta(hours=2)
    assert engine.verify() == ()
    assert totals(platform, NOW + timedelta(hours=3), at=late) == (30, 0, 0)


# What the ledger does by itself


def test_expiry_of_two_platforms_is_both_and_a_broken_one_keeps_no_other_from_it(platform):
    other = make_platform().id
    for each in (platform, other):
        grant(each, 10, JUNE)
    set_pool = text("UPDATE credit_pool SET unassigned = :n WHERE platform_id = :id")
    db.session.execute(set_pool, {"n": 3, "id": platform})
    with pytest.raises(ValueError, match="total must be between"):
        engine.expire_due(now=expires_at(JUNE))
    kinds = text("SELECT kind FROM ledger_transaction WHERE platform_id = :id ORDER BY id DESC LIMIT 1")
    assert db.session.execute(kinds, {"id": other}).scalar_one() == "expire"
    db.session.execute(set_pool, {"n": 10, "id": platform})
    assert [done.platform_id for done in engine.expire_due(now=expires_at(JUNE))] == [platform]


def test_one_old_hold_that_cannot_be_released_keeps_no_other_held(platform):
    grant(platform, 30)
    first, second = hold(platform, 10), hold(platform, 10)
    grant(platform, 1, key=f"unresolved:{first.hold_id}")  # somebody else's key, by chance the same
    with pytest.raises(IdempotencyConflict):
        releasing.release_unresolved(now=NOW + timedelta(days=8))
    held = [one.id for one in engine.balance(platform, now=NOW + timedelta(days=8)).holds]
    assert held == [first.hold_id] != [second.hold_id]
