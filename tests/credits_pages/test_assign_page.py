"""The assign page: everything is saved together or nothing, and what cannot be done says the numbers."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.personas import sign_in
from tests.reports.scenes import ADA, HTMX, grant, hold, key, make_campaign, make_list, round_trips, send
from webapp import clock
from webapp.audience.models import RecipientList
from webapp.credits import engine
from webapp.credits.models import LedgerTransaction
from webapp.db import db

NOW = datetime.now(UTC)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def scene(platform):
    """1,000 credits: 100 set aside for VIP, the rest unassigned; Shop is free."""
    grant(platform, 1000, now=NOW - timedelta(days=1))
    shop, vip = make_list(platform, "Shop"), make_list(platform, "VIP")
    engine.assign(platform.id, {vip.id: 100}, actor=ADA, now=NOW - timedelta(days=1), key=key())
    return {"shop": shop.id, "vip": vip.id}


@pytest.fixture
def as_admin(client, admin):
    return sign_in(client, admin)


def access(platform):
    found = engine.balance(platform.id, now=clock.now())
    return found.unassigned, {
        one.list_id: one.assigned if one.access == "limited" else None for one in found.lists
    }


def form(scene, *, shop="", vip="100", was_shop="", was_vip="100", **more):
    return {
        "key": KEY,
        f"list-{scene['shop']}": shop,
        f"was-{scene['shop']}": was_shop,
        f"list-{scene['vip']}": vip,
        f"was-{scene['vip']}": was_vip,
    } | more


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_row_tells_access_assigned_held_and_spent_with_a_field_to_change_it(as_admin, platform, scene):
    shop = db.session.get_one(RecipientList, scene["shop"])
    send(platform, "Sent", [(shop, "IT", 7, 1, 2)], now=NOW)
    hold(platform, make_campaign(platform, "Waits"), [(scene["shop"], 30)], now=NOW)
    answer = as_admin.get("/assign")
    assert "Shop free Assigned" not in answer.text
    said = words(answer)
    assert re.search(r"Shop free – 30 14", said)
    assert re.search(r"VIP limited 100 0 0", said)
    assert "856 unassigned" in said
    assert f'name="list-{scene["vip"]}"' in answer.text


def test_several_lists_are_changed_at_once(as_admin, platform, scene):
    answer = as_admin.post("/assign", data=form(scene, shop="300", vip="50"))
    assert (answer.status_code, answer.location) == (303, "/assign")
    assert access(platform) == (650, {scene["shop"]: 300, scene["vip"]: 50})


def test_an_empty_field_makes_a_list_free_and_zero_keeps_it_limited(as_admin, platform, scene):
    as_admin.post("/assign", data=form(scene, shop="0", vip=""))
    assert access(platform) == (1000, {scene["shop"]: 0, scene["vip"]: None})


def test_too_much_is_refused_with_the_numbers_and_nothing_is_saved(as_admin, platform, scene):
    for headers in ({}, HTMX):
        answer = as_admin.post("/assign", data=form(scene, shop="1,000", vip="40"), headers=headers)
        assert answer.status_code == 409
        assert "You set aside 1,000 more, but there are 960 to give: 40 too many." in answer.text
        assert 'value="1,000"' in answer.text
        assert access(platform) == (900, {scene["shop"]: None, scene["vip"]: 100})


def test_a_refusal_takes_the_place_of_the_success_before_it(as_admin, platform, scene):
    answer = as_admin.post("/assign", data=form(scene, shop="1,000"), headers=HTMX)
    emptied = re.search(r'<div id="messages"[^>]* hx-swap-oob="true">\s*</div>', answer.text)
    assert emptied, "what was said stands there no longer"


@pytest.mark.parametrize("typed", ["-1", "1.5", "much", "9" * 30])
def test_what_is_no_number_is_marked_at_its_field_and_nothing_is_saved(as_admin, platform, scene, typed):
    answer = as_admin.post("/assign", data=form(scene, shop=typed, vip="40"), headers=HTMX)
    assert answer.status_code == 422
    assert f'aria-describedby="error-{scene["shop"]}"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert access(platform) == (900, {scene["shop"]: None, scene["vip"]: 100})


def test_the_same_form_sent_twice_is_saved_once(as_admin, platform, scene):
    for _ in range(2):
        assert as_admin.post("/assign", data=form(scene, shop="300")).status_code == 303
    assert access(platform) == (600, {scene["shop"]: 300, scene["vip"]: 100})
    kinds = select(func.count()).select_from(LedgerTransaction).where(LedgerTransaction.kind == "assign")
    assert db.session.scalar(kinds) == 2


def test_a_form_that_was_saved_and_then_changed_must_be_loaded_anew(as_admin, platform, scene):
    as_admin.post("/assign", data=form(scene, shop="300"))
    answer = as_admin.post("/assign", data=form(scene, shop="301"))
    assert answer.status_code == 409
    assert "This page was saved once already" in answer.text
    assert access(platform)[1][scene["shop"]] == 300


def test_a_page_that_is_out_of_date_is_refused_with_what_there_is_now(as_admin, platform, scene):
    engine.assign(platform.id, {scene["vip"]: 60}, actor=ADA, now=NOW, key=key())
    answer = as_admin.post("/assign", data=form(scene, vip="150"))
    assert answer.status_code == 409
    assert "VIP has 60 now, not 100 as this page showed" in answer.text
    assert access(platform) == (940, {scene["shop"]: None, scene["vip"]: 60})
    assert f'name="was-{scene["vip"]}" value="60"' in answer.text
    assert 'value="150"' in answer.text
    again = as_admin.post("/assign", data=form(scene, vip="150", was_vip="60"))
    assert again.status_code == 303
    assert access(platform)[1][scene["vip"]] == 150


def test_what_others_changed_meanwhile_in_other_rows_is_no_conflict(as_admin, platform, scene):
    engine.assign(platform.id, {scene["vip"]: 60}, actor=ADA, now=NOW, key=key())
    assert as_admin.post("/assign", data=form(scene, shop="10")).status_code == 303
    assert access(platform) == (930, {scene["shop"]: 10, scene["vip"]: 60})


def test_nothing_changed_is_said_and_writes_nothing(as_admin, scene):
    before = db.session.scalar(select(func.count()).select_from(LedgerTransaction))
    assert as_admin.post("/assign", data=form(scene)).status_code == 303
    assert "Nothing was changed" in as_admin.get("/assign").text
    assert db.session.scalar(select(func.count()).select_from(LedgerTransaction)) == before


def test_all_lists_are_made_free_after_one_question_that_says_what_returns(as_admin, platform, scene):
    answer = as_admin.get("/assign")
    assert "100 credits return to the unassigned" in answer.text
    as_admin.post("/assign/free", data={"key": KEY})
    assert access(platform) == (1000, {scene["shop"]: None, scene["vip"]: None})
    assert "100 credits returned to the unassigned" in as_admin.get("/assign").text
    assert "Free all lists" not in as_admin.get("/assign").text


def test_held_credits_stay_held_whatever_is_assigned(as_admin, platform, scene):
    hold(platform, make_campaign(platform, "Waits"), [(scene["vip"], 80)], now=NOW)
    as_admin.post("/assign", data=form(scene, vip="", was_vip="20"))
    assert engine.balance(platform.id, now=clock.now()).held == 80
    assert access(platform) == (920, {scene["shop"]: None, scene["vip"]: None})


def test_the_preview_tells_what_saving_would_lead_to_and_changes_nothing(as_admin, platform, scene):
    answer = as_admin.post("/assign/preview", data=form(scene, shop="300", vip=""), headers=HTMX)
    assert answer.text.lstrip().startswith('<div id="assign-totals"')
    assert "700 unassigned after saving" in words(answer)
    answer = as_admin.post("/assign/preview", data=form(scene, shop="1500"), headers=HTMX)
    assert "600 too many" in answer.text
    assert "-600" in words(answer)
    assert access(platform) == (900, {scene["shop"]: None, scene["vip"]: 100})


def test_a_draft_sends_its_need_along_and_is_returned_to(as_admin, platform, scene):
    back = "/campaigns/7/compose?step=2"
    answer = as_admin.get("/assign", query_string={"list": scene["vip"], "need": 84, "back": back})
    assert "VIP is 84 credits short" in answer.text
    assert 'value="184"' in answer.text
    assert f'href="{back}"' in answer.text
    assert answer.text.index(f'name="list-{scene["vip"]}"') < answer.text.index(
        f'name="list-{scene["shop"]}"'
    )
    saved = as_admin.post("/assign", data=form(scene, vip="184", back=back))
    assert saved.location == back
    answer = as_admin.get("/assign", query_string={"list": scene["shop"], "need": 84})
    assert "Shop is free: it spends from the unassigned" in answer.text


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_never_leads_to_another_site(as_admin, scene, back):
    answer = as_admin.get("/assign", query_string={"back": back})
    assert "way-back" not in answer.text
    assert 'name="back"' not in answer.text
    assert as_admin.post("/assign", data=form(scene, shop="1", back=back)).location == "/assign"


@pytest.mark.parametrize(
    "query", ["list=x&need=y", "list=999999&need=5", "list=1&need=-5", "need=5", "page=9999"]
)
def test_an_address_that_makes_no_sense_shows_the_usual_page(as_admin, scene, query):
    answer = as_admin.get(f"/assign?{query}")
    assert answer.status_code == 200
    assert "credits short" not in answer.text


def test_another_platforms_list_cannot_be_touched(as_admin, platform, stranger, scene):
    theirs = make_list(stranger.platform, "Theirs")
    answer = as_admin.post("/assign", data={"key": KEY, f"list-{theirs.id}": "5", f"was-{theirs.id}": ""})
    assert answer.status_code == 404
    assert "Theirs" not in answer.text
    assert access(stranger.platform) == (0, {theirs.id: None})


def test_only_an_admin_may_see_or_change_it(client, marketer, viewer, operator, scene, platform):
    assert client.get("/assign").status_code == 303
    for person in (marketer, viewer, operator):
        sign_in(client, person)
        assert client.get("/assign").status_code == 403
        for url in ("/assign", "/assign/preview", "/assign/free"):
            assert client.post(url, data=form(scene, shop="1")).status_code == 403
    assert access(platform) == (900, {scene["shop"]: None, scene["vip"]: 100})


def test_without_its_key_a_form_is_not_saved(as_admin, platform, scene):
    for given in ("", "short", "z" * 32):
        assert as_admin.post("/assign", data=form(scene, shop="5", key=given)).status_code == 422
        assert as_admin.post("/assign/free", data={"key": given}).status_code == 422
    assert access(platform) == (900, {scene["shop"]: None, scene["vip"]: 100})


def test_after_saving_htmx_gets_the_page_the_message_and_the_widget(as_admin, scene):
    headers = {**HTMX, "HX-Current-URL": "http://localhost/assign"}
    answer = as_admin.post("/assign", data=form(scene, shop="300"), headers=headers, follow_redirects=True)
    assert 'id="assign"' in answer.text
    assert "1 list was changed. 600 credits are unassigned." in answer.text
    assert re.search(r'id="credit-widget"[^>]*hx-swap-oob', answer.text, re.DOTALL)


def test_a_platform_without_lists_says_what_to_do(as_admin):
    assert "There is no list yet" in as_admin.get("/assign").text


def test_a_search_keeps_to_its_rows(as_admin, scene):
    answer = as_admin.get("/assign?q=vi")
    assert f'name="list-{scene["vip"]}"' in answer.text
    assert f'name="list-{scene["shop"]}"' not in answer.text


def test_five_hundred_lists_cost_no_more_statements_than_two(as_admin, platform, scene, monkeypatch):
    as_admin.get("/assign")
    with round_trips(monkeypatch) as few:
        as_admin.get("/assign")
    for number in range(498):
        make_list(platform, f"Branch {number}")
    with round_trips(monkeypatch) as many:
        answer = as_admin.get("/assign")
    assert answer.text.count('data-was="') == 500
    assert len(many) == len(few) == 7, "\n".join(many)
