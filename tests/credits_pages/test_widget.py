"""The widget: one number on every page, its card, and what other tabs hear of it."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.personas import make_person, sign_in
from tests.reports.scenes import (
    ADA,
    HTMX,
    charge,
    grant,
    hold,
    key,
    make_campaign,
    make_list,
    make_message,
    round_trips,
    send,
)
from webapp import clock
from webapp.credits import engine
from webapp.credits.widget import lasts_days

NOW = datetime.now(UTC)


def seen(answer):
    return re.search(r'hx-get="/widget\?seen=([0-9a-f]+)"', answer.text)[1]


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def number(answer):
    return int(re.search(r'data-credits="(\d+)"', answer.text)[1])


@pytest.fixture
def scene(platform):
    """1,000 credits, 100 of them set aside for VIP, 30 held by Spring."""
    grant(platform, 1000, now=NOW - timedelta(days=1))
    vip = make_list(platform, "VIP")
    engine.assign(platform.id, {vip.id: 100}, actor=ADA, now=NOW - timedelta(days=1), key=key())
    campaign = make_campaign(platform, "Spring <sale>")
    held = hold(platform, campaign, [(None, 30)], now=NOW)
    return {"vip": vip.id, "hold": held.hold_id, "campaign": campaign}


@pytest.mark.parametrize("role", ["admin", "marketer", "viewer"])
def test_every_page_of_a_platform_has_the_widget_with_the_number_available(client, platform, scene, role):
    answer = sign_in(client, make_person(platform, role)).get("/reports")
    assert number(answer) == 970
    assert answer.text.count('id="credit-widget"') == 1
    assert answer.text.count('id="credit-available"') == 1


def test_opened_it_tells_held_unassigned_and_who_holds(client, admin, scene):
    said = words(sign_in(client, admin).get("/widget"))
    assert "Held 30" in said
    assert "Spring &lt;sale&gt; 30" in said
    assert "Unassigned 870" in said
    assert "Set aside for lists 100" in said


def test_it_tells_the_last_day_on_which_the_next_credits_can_be_used(client, admin, platform):
    engine.grant(platform.id, 1240, expires_on=date(2028, 11, 21), reason="x", actor=ADA, now=NOW, key=key())
    said = words(sign_in(client, admin).get("/widget"))
    assert "1,240 usable until 20 November 2028, Italian time" in said


def test_an_admin_may_buy_and_assign_and_others_are_told_whom_to_ask(
    client, admin, marketer, viewer, platform
):
    answer = sign_in(client, admin).get("/widget")
    assert 'href="/buy"' in answer.text
    assert 'href="/assign"' in answer.text
    for person in (marketer, viewer):
        answer = sign_in(client, person).get("/widget")
        assert 'href="/buy"' not in answer.text
        assert f"Ask {admin.name} to buy or assign credits." in answer.text
    second = make_person(platform, "admin")
    assert f"{admin.name}, {second.name}" in sign_in(client, viewer).get("/widget").text


def test_an_operator_and_nobody_have_no_widget(client, operator):
    assert client.get("/widget").status_code == 303
    assert client.get("/widget", headers=HTMX).status_code == 401
    assert sign_in(client, operator).get("/widget").status_code == 403
    assert 'id="credit-widget"' not in client.get("/operator/platforms").text


def test_a_tab_that_has_seen_this_state_gets_nothing(client, admin, scene):
    answer = sign_in(client, admin).get("/widget")
    again = client.get(f"/widget?seen={seen(answer)}", headers=HTMX)
    assert (again.status_code, again.data) == (204, b"")


def test_a_tab_that_has_not_gets_the_widget_and_the_number_of_the_top_bar(client, admin):
    for mark in ("", "0", "<script>", "x" * 5000):
        answer = sign_in(client, admin).get("/widget", query_string={"seen": mark}, headers=HTMX)
        assert answer.status_code == 200
        assert answer.text.count('id="credit-widget"') == 1
        assert 'id="credit-available"' in answer.text
        assert "<html" not in answer.text
        assert "<script>" not in answer.text


def every_movement(platform, scene):
    """What changes the widget, by name."""
    message = make_message(platform, scene["campaign"], None, country="IT", segments=1, rate=2)
    return {
        "a grant": lambda: grant(platform, 5, now=NOW),
        "an assignment": lambda: engine.assign(
            platform.id, {scene["vip"]: 90}, actor=ADA, now=NOW, key=key()
        ),
        "a hold": lambda: hold(platform, scene["campaign"], [(None, 7)], now=NOW),
        "a charge": lambda: charge(scene["hold"], [message], now=NOW),
        "a release": lambda: engine.release(
            scene["hold"], {None: 3}, reason="x", actor=ADA, now=NOW, key=key()
        ),
        "a purchase": lambda: engine.purchase(
            platform.id,
            100,
            validity_months=24,
            subject=engine.Subject("order", 1),
            actor=ADA,
            now=NOW,
            key=key(),
        ),
    }


@pytest.mark.parametrize(
    "what", ["a grant", "an assignment", "a hold", "a charge", "a release", "a purchase"]
)
def test_every_movement_is_seen_by_the_tabs_that_ask(client, admin, platform, scene, what):
    mark = seen(sign_in(client, admin).get("/widget"))
    every_movement(platform, scene)[what]()
    answer = client.get(f"/widget?seen={mark}", headers=HTMX)
    assert answer.status_code == 200
    assert seen(answer) != mark


def test_an_expiry_is_seen_when_its_instant_comes_though_no_task_has_run(
    client, admin, platform, monkeypatch
):
    grant(platform, 50, now=NOW, days=3)
    grant(platform, 20, now=NOW, days=None)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    answer = sign_in(client, admin).get("/widget")
    assert number(answer) == 70
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=3, hours=1))
    later = sign_in(client, admin).get(f"/widget?seen={seen(answer)}")
    assert (later.status_code, number(later)) == (200, 20)


def test_another_platforms_movements_are_no_business_of_this_tab(client, admin, stranger):
    mark = seen(sign_in(client, admin).get("/widget"))
    grant(stranger.platform, 500, now=NOW)
    assert client.get(f"/widget?seen={mark}").status_code == 204


def test_asking_again_costs_one_statement_beside_the_session(client, admin, scene, monkeypatch):
    mark = seen(sign_in(client, admin).get("/widget"))
    client.get(f"/widget?seen={mark}")
    with round_trips(monkeypatch) as asked:
        assert client.get(f"/widget?seen={mark}").status_code == 204
    assert len(asked) == 2, "\n".join(asked)


def test_polling_is_marked_so_that_it_never_keeps_a_session(app):
    assert app.view_functions["credits.widget"].polled


def test_a_dot_warns_of_credits_that_expire_within_thirty_days(client, admin, platform):
    grant(platform, 100, now=NOW, days=31)
    sign_in(client, admin)
    assert "credit-dot" not in client.get("/widget").text
    grant(platform, 100, now=NOW, days=30)
    assert "credit-dot-soon" in client.get("/widget").text


def test_a_dot_warns_when_the_balance_lasts_less_than_a_week(client, admin, platform):
    grant(platform, 330, now=NOW - timedelta(days=2), days=400)
    send(platform, "Much", [(None, "IT", 10, 6, 5)], now=NOW - timedelta(days=1))
    answer = sign_in(client, admin).get("/widget")
    assert "credit-dot-low" in answer.text
    assert "this lasts 3 days" in answer.text


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_low_is_less_than_a_week_at_the_pace_of_thirty_days(available, spent):
    days = lasts_days(available, spent)
    if days is None:
        assert spent == 0 or available / (spent / 30) >= 7 - 1e-9
    else:
        assert 0 <= days < 7
        assert days <= available * 30 / spent


def test_many_holds_are_summed_behind_the_largest(client, admin, platform):
    grant(platform, 1000, now=NOW)
    for size in range(1, 9):
        hold(platform, make_campaign(platform, f"Campaign of {size}"), [(None, size)], now=NOW)
    said = words(sign_in(client, admin).get("/widget"))
    assert "Held 36" in said
    assert "Campaign of 8 8" in said
    assert "3 more 6" in said


def test_a_new_platform_has_nothing_and_says_so(client, admin):
    answer = sign_in(client, admin).get("/widget")
    assert number(answer) == 0
    assert "No expiry" not in answer.text
