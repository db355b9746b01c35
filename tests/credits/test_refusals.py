"""Every refusal of every operation leaves every table as it was, and its key free to be tried again."""

import re
from contextlib import nullcontext
from datetime import datetime

import pytest
from sqlalchemy import text

from tests.credits.ledgers import (
    VERBS,
    charge,
    day,
    every_request,
    every_verb,
    everything,
    grant,
    hold,
    make_list,
    release,
)
from tests.personas import make_platform
from webapp.credits import engine
from webapp.credits.engine import (
    MOST_CREDITS,
    BadQuantity,
    BadRequest,
    CreditsExpireBefore,
    Demand,
    HoldAlreadyResolved,
    HoldExceeded,
    IdempotencyConflict,
    InsufficientCredits,
    NotFound,
)
from webapp.credits.expiry import expires_at
from webapp.db import db, transaction

JUNE, JULY = day("2027-06-01"), day("2027-07-01")
THEN = expires_at(JUNE)
ZONELESS = datetime(2027, 6, 2)  # noqa: DTZ001
NOTHING = 2**40
TAKEN = "a key that is taken"

pytestmark = pytest.mark.usefixtures("the_books_are_right")


def refusals(platform, vip):
    """{operation: [(error, the facts that bring it about)]} for requests that are right but for those."""
    stranger = make_platform().id
    foreign_list, foreign_lot = make_list(stranger), grant(stranger, 9).lot_id
    deleted = make_list(platform)
    db.session.execute(text("UPDATE recipient_list SET deleted_at = now() WHERE id = :id"), {"id": deleted})
    grant(platform, 30, JULY)
    grant(platform, 1, key=TAKEN)
    release(resolved := hold(platform, 1).hold_id)
    message = charge(vip, 1)

    always = [
        (BadRequest, {"key": ""}),
        (BadRequest, {"now": ZONELESS}),
        (IdempotencyConflict, {"key": TAKEN}),
    ]
    of_platform = [*always, (NotFound, {"platform_id": NOTHING}), (BadQuantity, {"platform_id": True})]
    of_hold = [
        *always,
        (NotFound, {"hold_id": NOTHING}),
        (BadQuantity, {"hold_id": 0}),
        (HoldAlreadyResolved, {"hold_id": resolved}),
    ]
    credits = [(BadQuantity, {"credits": bad}) for bad in (0, 1.5, 2**53)]
    no_room = (BadQuantity, {"credits": MOST_CREDITS - 9})
    reason = [(BadRequest, {"reason": " "}), (BadRequest, {"reason": None})]
    demands = [
        (BadRequest, {"demands": []}),
        (BadRequest, {"send_at": ZONELESS}),
        (BadQuantity, {"demands": [Demand(vip, 0)]}),
        (BadQuantity, {"demands": [Demand(vip, MOST_CREDITS), Demand(None, 1)]}),
        (NotFound, {"demands": [Demand(None, 1), Demand(foreign_list, 1)]}),
        (InsufficientCredits, {"demands": [Demand(vip, 1), Demand(None, 999)]}),
    ]

    def lists(fact):
        return [
            *of_platform,
            (BadRequest, {fact: {}}),
            (BadQuantity, {fact: {vip: -1}}),
            (BadQuantity, {fact: {vip: MOST_CREDITS, deleted: 1}}),
            (NotFound, {fact: {vip: 1, foreign_list: 1}}),
            (NotFound, {fact: {deleted: 0}}),
            (InsufficientCredits, {fact: {vip: 999}}),
        ]

    return {
        "grant": [
            *of_platform, *credits, no_room, *reason,
            (BadRequest, {"expires_on": JUNE}),
            (BadRequest, {"expires_on": THEN}),
        ],
        "purchase": [
            *of_platform, *credits, no_room,
            (BadRequest, {"validity_months": 0}),
            (BadRequest, {"validity_months": True}),
        ],
        "adjust": [
            *of_platform, *credits, *reason,
            (NotFound, {"lot_id": foreign_lot}),
            (NotFound, {"lot_id": NOTHING}),
            (InsufficientCredits, {"credits": 501}),
        ],
        "hold": [
            *of_platform, *demands,
            (CreditsExpireBefore, {"demands": [Demand(None, 370)], "send_at": expires_at(JULY)}),
        ],
        "capture": [
            *of_hold,
            (BadRequest, {"charges": []}),
            (BadRequest, {"charges": [message, message._replace(segments=2)]}),
            (BadQuantity, {"charges": [message._replace(segments=0)]}),
            (BadQuantity, {"charges": [message, message._replace(message_id=-1)]}),
            (HoldExceeded, {"charges": [message, charge(vip, 50)]}),
            (HoldExceeded, {"charges": [message, charge(None, 1)]}),
        ],
        "release": [
            *of_hold, *reason,
            (BadRequest, {"credits": {}}),
            (BadQuantity, {"credits": {vip: 0}}),
            (HoldExceeded, {"credits": {vip: 51}}),
            (HoldExceeded, {"credits": {vip: 1, None: 1}}),
        ],
        "reschedule": [
            *of_hold, *demands,
            (CreditsExpireBefore, {"demands": [Demand(None, 420)], "send_at": expires_at(JULY)}),
        ],
        "assign": lists("credits"),
        "set_access": lists("access"),
        "free": [
            *of_platform,
            (BadRequest, {"list_ids": []}),
            (BadQuantity, {"list_ids": [vip, "all"]}),
            (NotFound, {"list_ids": [vip, foreign_list]}),
            (NotFound, {"list_ids": None, "platform_id": NOTHING}),
        ],
    }  # fmt: skip


@pytest.mark.parametrize("within", [nullcontext, transaction], ids=["alone", "in a larger transaction"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_refused_operation_leaves_every_table_as_it_was(platform, vip, verb, within):
    grant(platform, 40, JUNE)  # due by then, so that a refusal must keep it from expiring as well
    act = every_verb(platform, vip)[verb]
    cases = refusals(platform, vip)[verb]
    before = everything()
    for error, facts in cases:
        given = {"key": "the key", "now": THEN} | facts
        with within(), pytest.raises(error) as caught:
            act(given.pop("key"), **given)
        assert type(caught.value) is error
        assert everything() == before, facts
    assert not act("the key", now=THEN).replayed


@pytest.mark.parametrize("verb", VERBS)
def test_the_refusals_that_are_tried_are_those_an_operation_is_said_to_raise(platform, vip, verb):
    function = every_request(platform, vip)[verb][0]
    tried = {error.__name__ for error, _ in refusals(platform, vip)[verb]}
    assert said_of(function) == tried


def said_of(function):
    """The errors that a docstring names after "Raises"; an operation named there stands for its own."""
    named = set(re.findall(r"`(\w+)`", function.__doc__.partition("Raises ")[2]))
    operations = {name for name in named if name[0].islower()}
    return (named - operations).union(*(said_of(getattr(engine, name)) for name in operations))
