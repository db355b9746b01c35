"""Whatever happens between us and the gateway: one message per person, one charge per message."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text

from tests.campaigns.makers import ADA, NOW, FakeGateway, accept_all, confirmed
from webapp.audience import suppression
from webapp.campaigns import dispatching, endings, erasure, intents
from webapp.campaigns.gateways.api import Accepted, AnswerLost, Declined, GatewayAway
from webapp.campaigns.models import Campaign, Message, MessageTally
from webapp.campaigns.references import reference_of
from webapp.campaigns.wrong_state import WrongState
from webapp.credits import engine
from webapp.credits.models import Charge, Hold
from webapp.db import db


@pytest.fixture(autouse=True)
def at_nine():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def campaign(platform):
    return confirmed(platform.id, count=5)


def run(campaign, gateway, settings, steps=50):
    """Steps until the campaign is over, jumping over every wait."""
    now = NOW
    for _ in range(steps):
        with time_machine.travel(now, tick=False):
            step = dispatching.step(campaign.campaign_id, gateway, settings, now=now)
        if step.over:
            return now
        now = step.again_at or now
    pytest.fail(f"not over after {steps} steps: {campaign.states()}")


def charged(campaign):
    return db.session.query(Charge).filter(Charge.message_id.in_(campaign.message_ids)).count()


def hold(campaign):
    found = db.session.get(Hold, campaign.hold_id, populate_existing=True)
    return found.credits, found.captured, found.released


def assert_tally_is_true(campaign):
    counted = {}
    for message in campaign.messages:
        key = (message.country, message.state)
        held = counted.get(key, (0, 0, 0))
        counted[key] = (held[0] + 1, held[1] + message.segments, held[2] + message.credits)
    tally = {
        (row.country, row.state): (row.messages, row.segments, row.credits)
        for row in db.session.query(MessageTally).filter_by(campaign_id=campaign.campaign_id)
        if row.messages
    }
    assert tally == counted


def test_a_campaign_is_sent_and_charged_to_the_last_message(campaign, sending):
    gateway = FakeGateway()
    run(campaign, gateway, sending(batch_messages=2))
    assert campaign.states() == ["sent"] * 5
    assert [len(batch) for batch in gateway.offered] == [2, 2, 1]
    assert charged(campaign) == 5
    assert hold(campaign) == (10, 10, 0)
    assert campaign.campaign.status == "finished"
    assert campaign.campaign.finished_at == NOW
    assert_tally_is_true(campaign)


def test_what_is_sent_is_the_text_with_the_pinned_values(campaign, sending):
    gateway = FakeGateway()
    run(campaign, gateway, sending())
    first = reference_of(campaign.campaign.token, campaign.message_ids[0])
    assert gateway.texts[first] == "Hi Person 0, 20% off"
    assert gateway.phones[0] == "+393330000000"


def test_the_intent_is_committed_before_anything_leaves(campaign, sending):
    def look(messages):
        statuses = {message.status for message in campaign.messages}
        assert statuses == {"submitting"}
        return accept_all(messages)

    run(campaign, FakeGateway(answers=[look]), sending())
    assert campaign.states() == ["sent"] * 5


def test_what_the_gateway_refuses_is_released_and_says_why(campaign, sending):
    def refuse_the_second(messages):
        answers = accept_all(messages)
        return answers | {messages[1].reference: Declined("number not in service")}

    run(campaign, FakeGateway(answers=[refuse_the_second]), sending())
    assert campaign.states() == ["sent", "refused", "sent", "sent", "sent"]
    assert campaign.messages[1].reason == "number not in service"
    assert hold(campaign) == (10, 8, 2)
    assert_tally_is_true(campaign)


def test_a_number_put_on_the_do_not_contact_list_since_is_left_out_and_released(campaign, sending):
    suppression.do_not_contact(campaign.platform_id, [393330000003], reason="asked", by="Ada", now=NOW)
    gateway = FakeGateway()
    run(campaign, gateway, sending())
    assert campaign.states()[3] == "do_not_contact"
    assert "+393330000003" not in gateway.phones
    assert hold(campaign) == (10, 8, 2)


def test_a_campaign_of_people_who_all_left_sends_nothing_and_holds_nothing(campaign, sending):
    phones = [393330000000 + n for n in range(5)]
    suppression.do_not_contact(campaign.platform_id, phones, reason="asked", by="Ada", now=NOW)
    gateway = FakeGateway()
    run(campaign, gateway, sending(batch_messages=2))
    assert gateway.offered == []
    assert hold(campaign) == (10, 0, 10)
    assert campaign.campaign.status == "finished"


def test_a_gateway_that_is_away_gets_nothing_and_is_tried_again_later(campaign, sending):
    gateway = FakeGateway(answers=[GatewayAway("away"), GatewayAway("away"), GatewayAway("away")])
    ended = run(campaign, gateway, sending())
    assert ended == NOW + timedelta(seconds=1 + 2 + 4)
    assert campaign.states() == ["sent"] * 5
    assert campaign.campaign.gateway_failures == 0
    assert campaign.campaign.gateway_trouble is None


def test_while_the_gateway_is_away_the_campaign_says_so(campaign, sending):
    gateway = FakeGateway(answers=[GatewayAway("The gateway cannot be reached.")])
    step = dispatching.step(campaign.campaign_id, gateway, sending(), now=NOW)
    assert step.again_at == NOW + timedelta(seconds=1)
    assert campaign.campaign.gateway_trouble == "The gateway cannot be reached."
    assert campaign.states() == ["queued"] * 5
    resting = dispatching.step(campaign.campaign_id, gateway, sending(), now=NOW)
    assert resting.again_at == NOW + timedelta(seconds=1)
    assert len(gateway.offered) == 1


def test_a_lost_answer_is_offered_again_to_a_gateway_that_deduplicates(campaign, sending):
    taken = FakeGateway()

    def take_and_go_silent(messages):
        taken.has |= accept_all(messages)
        raise AnswerLost("gone")

    gateway = FakeGateway(answers=[take_and_go_silent], has=taken.has)
    run(campaign, gateway, sending())
    assert gateway.offered[0] == gateway.offered[1]
    assert charged(campaign) == 5
    assert hold(campaign) == (10, 10, 0)


def test_a_gateway_that_can_only_be_asked_is_offered_what_it_never_had(campaign, sending):
    gateway = FakeGateway(deduplicates=False)

    def take_two_and_go_silent(messages):
        gateway.has |= accept_all(messages[:2])
        raise AnswerLost("gone")

    gateway.answers = [take_two_and_go_silent]
    run(campaign, gateway, sending())
    assert len(gateway.asked[0]) == 5
    assert gateway.offered[1] == gateway.offered[0][2:]
    assert campaign.states() == ["sent"] * 5
    assert charged(campaign) == 5


def test_where_neither_is_possible_a_lost_answer_is_charged_and_never_sent_again(campaign, sending):
    gateway = FakeGateway(answers=[AnswerLost("gone")], deduplicates=False, can_be_asked=False)
    run(campaign, gateway, sending())
    assert campaign.states() == ["unknown"] * 5
    assert len(gateway.offered) == 1
    assert charged(campaign) == 5
    assert hold(campaign) == (10, 10, 0)


@pytest.mark.parametrize(("deduplicates", "can_be_asked"), [(True, False), (False, True), (False, False)])
def test_a_batch_of_a_worker_that_died_before_the_hand_off_is_settled(
    campaign, sending, deduplicates, can_be_asked
):
    settings = sending(batch_messages=3, lease_s=60)
    intents.claim(campaign.campaign_id, limit=3, lease_s=60, now=NOW)
    gateway = FakeGateway(deduplicates=deduplicates, can_be_asked=can_be_asked)
    run(campaign, gateway, settings)
    expected = ["sent"] * 5 if deduplicates or can_be_asked else ["unknown"] * 3 + ["sent"] * 2
    assert campaign.states() == expected
    assert charged(campaign) == 5
    offered = [reference for batch in gateway.offered for reference in batch]
    assert len(offered) == len(set(offered)) == expected.count("sent")


def test_while_a_lease_runs_nobody_touches_its_messages(campaign, sending):
    intents.claim(campaign.campaign_id, limit=5, lease_s=60, now=NOW)
    gateway = FakeGateway()
    step = dispatching.step(campaign.campaign_id, gateway, sending(), now=NOW + timedelta(seconds=59))
    assert step.again_at == NOW + timedelta(seconds=60)
    assert gateway.offered == []


def test_a_result_told_twice_is_written_once(campaign, sending):
    from webapp.campaigns import outcomes
    from webapp.campaigns.resolving import Settled

    batch = intents.claim(campaign.campaign_id, limit=5, lease_s=60, now=NOW)
    sent = {intent.reference: Settled("sent") for intent in batch.intents}
    refused = {intent.reference: Settled("refused") for intent in batch.intents}
    assert outcomes.record(batch, sent, now=NOW) == 5
    assert outcomes.record(batch, refused, now=NOW) == 0
    assert campaign.states() == ["sent"] * 5
    assert hold(campaign) == (10, 10, 0)


def test_an_answer_that_leaves_some_out_is_no_answer_for_those(campaign, sending):
    gateway = FakeGateway(answers=[lambda messages: accept_all(messages[:2])])
    run(campaign, gateway, sending())
    assert gateway.offered[1] == gateway.offered[0][2:]
    assert charged(campaign) == 5


def test_an_answer_about_somebody_else_is_ignored(campaign, sending):
    gateway = FakeGateway(answers=[lambda messages: accept_all(messages) | {"stranger-1": Accepted("x")}])
    run(campaign, gateway, sending())
    assert charged(campaign) == 5


def test_a_paused_campaign_hands_over_nothing_but_settles_what_is_under_way(campaign, sending):
    intents.claim(campaign.campaign_id, limit=2, lease_s=60, now=NOW)
    campaign.campaign.status = "paused"
    db.session.flush()
    gateway = FakeGateway()
    later = NOW + timedelta(seconds=61)
    with time_machine.travel(later, tick=False):
        dispatching.step(campaign.campaign_id, gateway, sending(), now=later)
        step = dispatching.step(campaign.campaign_id, gateway, sending(), now=later)
    assert step.over
    assert campaign.states() == ["sent", "sent", "queued", "queued", "queued"]


def test_cancelling_gives_back_what_is_not_with_the_gateway(campaign, sending):
    batch = intents.claim(campaign.campaign_id, limit=2, lease_s=60, now=NOW)
    available = engine.balance(campaign.platform_id, now=NOW).available
    given_back = endings.cancel(campaign.platform_id, campaign.campaign_id, actor=ADA, now=NOW)
    assert given_back == 6
    assert engine.balance(campaign.platform_id, now=NOW).available == available + 6
    endings.mark_unsent(campaign.campaign_id, now=NOW)
    assert campaign.campaign.finished_at is None
    gateway = FakeGateway(has={batch.intents[0].reference: Accepted("a")})
    later = NOW + timedelta(seconds=61)
    with time_machine.travel(later, tick=False):
        dispatching.step(campaign.campaign_id, gateway, sending(), now=later)
        dispatching.step(campaign.campaign_id, gateway, sending(), now=later)
    assert campaign.states() == ["sent", "sent", "cancelled", "cancelled", "cancelled"]
    assert hold(campaign) == (10, 4, 6)
    assert campaign.campaign.status == "cancelled"
    assert campaign.campaign.finished_at == later
    assert_tally_is_true(campaign)


def test_a_campaign_that_is_over_cannot_be_cancelled(campaign, sending):
    run(campaign, FakeGateway(), sending())
    with pytest.raises(WrongState):
        endings.cancel(campaign.platform_id, campaign.campaign_id, actor=ADA, now=NOW)
    assert hold(campaign) == (10, 10, 0)


def test_a_week_after_its_time_whatever_is_unresolved_is_released(campaign, sending):
    intents.claim(campaign.campaign_id, limit=2, lease_s=60, now=NOW)
    almost, week = NOW + timedelta(days=7, seconds=-1), NOW + timedelta(days=7)
    endings.lapse(campaign.campaign_id, now=almost)
    assert hold(campaign) == (10, 0, 0)
    endings.lapse(campaign.campaign_id, now=week)
    endings.mark_unsent(campaign.campaign_id, now=week)
    assert campaign.states() == ["lapsed"] * 5
    assert hold(campaign) == (10, 0, 10)
    assert campaign.campaign.finished_at == week


def test_an_erased_person_who_was_queued_gets_nothing_and_costs_nothing(campaign, sending):
    assert erasure.erase(campaign.platform_id, 393330000002) == 1
    gateway = FakeGateway()
    run(campaign, gateway, sending())
    message = campaign.messages[2]
    assert (message.state, message.phone, message.merge, message.credits) == ("erased", None, {}, 2)
    assert "+393330000002" not in gateway.phones
    assert hold(campaign) == (10, 8, 2)
    assert_tally_is_true(campaign)


def test_erasing_somebody_who_got_a_message_keeps_its_cost(campaign, sending):
    run(campaign, FakeGateway(), sending())
    assert erasure.erase(campaign.platform_id, 393330000002) == 1
    assert erasure.erase(campaign.platform_id, 393330000002) == 0
    message = campaign.messages[2]
    assert (message.state, message.phone, message.merge, message.credits) == ("sent", None, {}, 2)
    assert hold(campaign) == (10, 10, 0)


@pytest.mark.parametrize(
    ("has_it", "can_be_asked", "ends"),
    [(True, True, "sent"), (False, True, "erased"), (True, False, "unknown"), (False, False, "unknown")],
)
def test_somebody_erased_while_with_the_gateway_is_settled_without_sending(
    campaign, sending, has_it, can_be_asked, ends
):
    batch = intents.claim(campaign.campaign_id, limit=1, lease_s=60, now=NOW)
    erasure.erase(campaign.platform_id, 393330000000)
    gateway = FakeGateway(can_be_asked=can_be_asked)
    if has_it:
        gateway.has[batch.intents[0].reference] = Accepted("a")
    run(campaign, gateway, sending())
    assert campaign.states() == [ends] + ["sent"] * 4
    assert "+393330000000" not in gateway.phones
    taken = 10 if ends != "erased" else 8
    assert hold(campaign) == (10, taken, 10 - taken)


def test_erasing_touches_no_other_platform(campaign, platform, stranger):
    assert erasure.erase(stranger.platform_id, 393330000000) == 0
    assert campaign.messages[0].phone == 393330000000


def test_sending_without_a_hold_is_impossible_in_the_database(campaign):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError, match="confirmed_whole"), db.session.begin_nested():
        db.session.query(Campaign).update({"hold_id": None})


def test_two_messages_to_one_number_are_impossible_in_the_database(campaign):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError, match="phone"), db.session.begin_nested():
        db.session.query(Message).filter_by(id=campaign.message_ids[0]).update({"phone": 393330000001})


def read_by(session, statement):
    """How many rows the plan of a statement takes from the table, and whether it sorts any."""
    words = statement.compile(session.connection(), compile_kwargs={"literal_binds": True})
    [plan] = session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {words}")).scalar_one()
    nodes, rows, sorts = [plan["Plan"]], 0, False
    for node in nodes:
        nodes += node.get("Plans", [])
        sorts |= "Sort" in node["Node Type"]
        if "Scan" in node["Node Type"]:
            rows += node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return rows, sorts


MANY_MORE = """
INSERT INTO message (platform_id, campaign_id, list_id, phone, country, segments, credits_per_segment,
                     credits, plugin, plugin_version, status, lease_ends_at)
SELECT platform_id, campaign_id, list_id, phone + 1000000 + n, country, segments, credits_per_segment,
       credits, plugin, plugin_version,
       CASE WHEN n <= 9000 THEN 'sent' WHEN n <= 9010 THEN 'submitting' ELSE 'queued' END, now()
FROM message, generate_series(1, 20000) AS n WHERE campaign_id = :campaign
"""


@pytest.mark.parametrize("status", ["queued", "submitting"])
def test_taking_a_batch_reads_the_batch_however_many_are_done_or_still_to_come(platform, database, status):
    made = confirmed(platform.id, count=1)
    database.execute(text(MANY_MORE), {"campaign": made.campaign_id})
    database.execute(text("ANALYZE message"))
    assert read_by(database, intents.open_messages(made.campaign_id, status, 10)) == (10, False)
