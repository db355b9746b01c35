"""R17: the same key and request again is the first result, any other request under it is refused."""

from datetime import date, timedelta
from inspect import signature

import pytest
from sqlalchemy import text

from tests.credits.ledgers import (
    ADA,
    NOW,
    VERBS,
    assign,
    capture,
    charge,
    choose,
    every_request,
    every_verb,
    everything,
    free,
    grant,
    hold,
    purchase,
    release,
)
from tests.personas import make_platform
from webapp.credits import engine
from webapp.credits.engine import BadRequest, IdempotencyConflict
from webapp.credits.expiry import expires_at
from webapp.db import db

JUNE, JULY = date(2027, 6, 1), date(2027, 7, 1)

pytestmark = pytest.mark.usefixtures("the_books_are_right")


@pytest.mark.parametrize("verb", VERBS)
def test_r17_the_same_key_and_request_gives_the_first_result_for_ever(platform, vip, verb):
    act = every_verb(platform, vip)[verb]
    first = act("the key")
    assert not first.replayed
    later = NOW + timedelta(days=1)
    purchase(platform, 5, now=later)
    free(platform, now=later)
    choose(platform, burn_order="earliest_expiry_first", time_zone="Pacific/Auckland")
    db.session.execute(text("UPDATE recipient_list SET deleted_at = now() WHERE id = :id"), {"id": vip})
    received = "SELECT received FROM credit_pool WHERE platform_id = :id"
    room = engine.MOST_CREDITS - db.session.execute(text(received), {"id": platform}).scalar_one()
    grant(platform, room, JULY, now=later)
    before = everything()
    for now in (NOW, later, expires_at(JULY)):
        again = act("the key", now=now)
        assert again.replayed
        assert {**vars(again), "replayed": False} == vars(first)
    assert everything() == before


@pytest.mark.parametrize("verb", VERBS)
def test_r17_the_same_key_with_any_other_fact_is_another_request_and_refused(platform, vip, verb):
    function, facts, others = every_request(platform, vip)[verb]
    who_and_when = {"key", "now", "actor"}  # and a key is one platform's own
    assert others.keys() == signature(function).parameters.keys() - who_and_when - {"platform_id"}
    given = facts | {name: ADA for name in signature(function).parameters if name == "actor"}
    function(**given, now=NOW, key="the key")
    grant(platform, 9, JUNE)
    before = everything()
    for fact, values in others.items():
        for value in values:
            for now in (NOW, expires_at(JUNE)):
                with pytest.raises(IdempotencyConflict) as caught:
                    function(**(given | {fact: value}), now=now, key="the key")
                assert caught.value.key == "the key"
    assert everything() == before


def test_r17_what_has_no_order_is_the_same_request_in_any(platform, shop, vip):
    grant(platform, 100)
    assign(platform, {shop: 30, vip: 30}, key="access")
    assert assign(platform, {vip: 30, shop: 30}, key="access").replayed
    held, messages = hold(platform, {shop: 9, vip: 9}).hold_id, [charge(shop, 2), charge(vip, 3)]
    capture(held, messages, key="capture")
    assert capture(held, [*reversed(messages), messages[0]], key="capture").replayed
    release(held, {shop: 1, vip: 2}, key="release")
    assert release(held, {vip: 2, shop: 1}, key="release").replayed


def test_r17_a_key_of_another_operation_is_refused_and_one_of_another_platform_is_not(platform):
    grant(platform, 5, key="k")
    with pytest.raises(IdempotencyConflict):
        hold(platform, 5, key="k")
    assert not grant(make_platform().id, 5, key="k").replayed


@pytest.mark.parametrize("bad", ["", "x" * 256, "line\nfeed", None, 7, b"bytes"])
def test_r17_a_key_is_1_to_255_printable_characters(platform, bad):
    with pytest.raises(BadRequest):
        grant(platform, 5, key=bad)
