"""Every address of campaigns: page, fragment, invalid input, another platform, another role, signed out."""

import json
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.campaigns.makers import ADA, NOW, FakeGateway, confirmed, grant, italians, make_list
from tests.personas import make_person, sign_in
from webapp.audience import recipients
from webapp.campaigns import dispatching, drafts, intents, quoting, receipts, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.gateways.signing import HEADER, signature
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.settings import EXTENSION
from webapp.credits import engine
from webapp.db import db

ROME = ZoneInfo("Europe/Rome")
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/x"}


@pytest.fixture(autouse=True)
def at_nine(database):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def shop(platform):
    return make_list(
        platform.id, "Shop customers", [*italians(4), (33612345600, "FR", {"first_name": "Zoë 👍"})]
    )


@pytest.fixture
def draft(platform, shop):
    content = Draft("Spring", "SHOP", "Hi {first_name|friend}, 20% off", "", (shop,))
    return drafts.create_draft(platform.id, content, actor=ADA, now=NOW)


@pytest.fixture
def campaign(platform):
    return confirmed(platform.id, count=5)


@pytest.fixture
def ada(client, marketer):
    return sign_in(client, marketer)


def form(draft, **values):
    given = {
        "name": draft.name,
        "sender": draft.sender,
        "text": draft.text,
        "lists": [str(list_id) for list_id in draft.list_ids],
        "when": "at" if draft.send_local else "now",
        "send_local": draft.send_local,
        "version": draft.version,
        "tab": "tab-one",
    }
    return given | values


def fingerprint(html):
    return re.search(r'name="fingerprint" value="([0-9a-f]+)"', html)[1]


PAGES = [
    "/campaigns",
    "/campaigns/{draft}/compose",
    "/campaigns/{campaign}",
    "/campaigns/{campaign}/progress",
    "/campaigns/{campaign}/messages/{message}",
]
POSTS = [
    ("draft", name)
    for name in ("compose", "draft", "quote", "savings", "schedule", "test", "delete", "duplicate")
] + [("campaign", name) for name in ("pause", "resume", "cancel", "duplicate", "reschedule")]


@pytest.fixture
def url(draft, campaign):
    def fill(pattern):
        return pattern.format(draft=draft.id, campaign=campaign.campaign_id, message=campaign.message_ids[0])

    return fill


@pytest.mark.parametrize("pattern", PAGES)
def test_each_page_is_a_page_and_a_fragment(ada, url, pattern):
    page = ada.get(url(pattern))
    assert page.status_code == 200
    assert "<!doctype html>" in page.text
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in page.headers["Vary"].split(",")}
    fragment = ada.get(url(pattern), headers=HTMX)
    assert fragment.status_code == 200
    assert "<!doctype html>" not in fragment.text


@pytest.mark.parametrize("pattern", PAGES)
def test_each_page_is_nothing_to_another_platform(client, stranger, url, pattern):
    answer = sign_in(client, stranger).get(url(pattern))
    if pattern == "/campaigns":
        assert "Spring" not in answer.text
    else:
        assert answer.status_code == 404


@pytest.mark.parametrize(("kind", "name"), POSTS)
def test_each_action_is_nothing_to_another_platform(client, stranger, draft, campaign, kind, name):
    number = draft.id if kind == "draft" else campaign.campaign_id
    assert sign_in(client, stranger).post(f"/campaigns/{number}/{name}", data=form(draft)).status_code == 404
    assert db.session.get(Campaign, draft.id) is not None
    assert campaign.campaign.status == "sending"


@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize("pattern", [*PAGES, *(f"POST /campaigns/{{{kind}}}/{name}" for kind, name in POSTS)])
def test_no_address_opens_to_another_role(client, platform, url, pattern, role):
    person = make_person(None if role == "operator" else platform, role)
    method, _, path = pattern.rpartition(" ")
    answer = sign_in(client, person).open(url(path), method=method or "GET")
    assert answer.status_code == 403


@pytest.mark.parametrize("pattern", [*PAGES, *(f"POST /campaigns/{{{kind}}}/{name}" for kind, name in POSTS)])
def test_signed_out_leads_to_sign_in(client, url, pattern):
    method, _, path = pattern.rpartition(" ")
    answer = client.open(url(path), method=method or "GET")
    assert answer.status_code == 303
    assert "/sign-in" in answer.location


def test_an_empty_platform_is_told_what_to_do(client, platform, marketer):
    assert "No campaign yet" in sign_in(client, marketer).get("/campaigns").text


def test_a_new_campaign_is_a_draft_and_pressing_twice_makes_one(ada, platform):
    first = ada.post("/campaigns/new")
    second = ada.post("/campaigns/new")
    assert first.status_code == 303
    assert first.location == second.location
    assert ada.get(first.location).status_code == 200


def test_the_quote_on_the_page_is_the_quote_of_the_engine(ada, draft, platform):
    grant(platform.id, 1000)
    quoted = scheduling.quote_reschedule(draft, "", zone=ROME, now=NOW)
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    assert f'data-figure="total">{quoted.credits}</b>' in page
    assert fingerprint(page) == quoted.fingerprint


def test_typing_is_priced_without_being_saved(ada, draft, platform):
    grant(platform.id, 1000)
    answer = ada.post(f"/campaigns/{draft.id}/quote", data=form(draft, text="x" * 200), headers=HTMX)
    assert answer.status_code == 200
    assert 'id="quote"' in answer.text
    assert 'id="text-info" class="text-facts" hx-swap-oob="true"' in answer.text
    assert 'id="schedule" class="schedule" hx-swap-oob="true"' in answer.text
    assert db.session.get(Campaign, draft.id).text == draft.text


def test_the_total_is_said_once_and_only_when_it_changed(ada, draft, platform):
    grant(platform.id, 1000)
    first = ada.post(f"/campaigns/{draft.id}/quote", data=form(draft), headers=HTMX).text
    assert first.count('id="live"') == 1
    shown = re.search(r'name="shown_credits" value="(\d+)"', first)[1]
    again = ada.post(f"/campaigns/{draft.id}/quote", data=form(draft, shown_credits=shown), headers=HTMX).text
    assert 'id="live"' not in again


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"text": ""}, "Write what the message should say"),
        ({"text": "Hi {"}, "brace is opened"),
        ({"text": "Hi {nobody}"}, "{nobody}"),
        ({"lists": []}, "Choose at least one list"),
        ({"lists": ["999999999"]}, "was deleted meanwhile"),
        ({"sender": "much too long a name"}, "No phone can show this sender"),
        ({"when": "at", "send_local": "yesterday"}, "no date and time"),
        ({"when": "at", "send_local": "2026-11-01T10:00"}, "has passed"),
        ({"when": "at", "send_local": "2027-03-28T02:30"}, "jump over it"),
        ({"when": "at", "send_local": "2027-10-31T02:30"}, "comes twice"),
    ],
)
def test_what_is_wrong_is_said_while_typing(ada, draft, platform, values, sentence):
    grant(platform.id, 1000)
    answer = ada.post(f"/campaigns/{draft.id}/quote", data=form(draft, **values), headers=HTMX)
    assert answer.status_code == 200
    assert sentence in answer.text.replace("&#39;", "'")


def test_a_draft_saves_itself_and_says_when(ada, draft):
    answer = ada.post(f"/campaigns/{draft.id}/draft", data=form(draft, text="New words"), headers=HTMX)
    assert answer.status_code == 200
    assert "Saved 10:00" in answer.text
    assert db.session.get(Campaign, draft.id).text == "New words"


def test_two_tabs_do_not_overwrite_each_other_silently(ada, draft):
    url = f"/campaigns/{draft.id}/draft"
    assert ada.post(url, data=form(draft, text="From one", tab="one"), headers=HTMX).status_code == 200
    stale = form(draft, text="From two", tab="two", version=1)
    refused = ada.post(url, data=stale, headers=HTMX)
    assert refused.status_code == 409
    assert "another tab" in refused.text
    assert db.session.get(Campaign, draft.id).text == "From one"
    assert (
        ada.post(url, data=form(draft, text="One again", tab="one", version=1), headers=HTMX).status_code
        == 200
    )
    whole = ada.post(f"/campaigns/{draft.id}/compose", data=stale)
    assert whole.status_code == 422
    assert "From two" in whole.text
    ada.post(f"/campaigns/{draft.id}/compose", data=stale | {"overwrite": "1"})
    assert db.session.get(Campaign, draft.id).text == "From two"


def test_lists_are_added_moved_and_taken_off_without_javascript(ada, draft, platform, shop):
    vip = make_list(platform.id, "VIP", italians(1, 50))
    url = f"/campaigns/{draft.id}/compose"

    def press(action, **values):
        saved = db.session.get(Campaign, draft.id)
        answer = ada.post(url, data=form(saved, do=action, **values))
        assert answer.status_code == 303
        return db.session.get(Campaign, draft.id).list_ids

    assert press("add", add_list=str(vip)) == (shop, vip)
    assert press(f"up:{vip}") == (vip, shop)
    assert press(f"up:{vip}") == (vip, shop)
    assert press(f"down:{vip}") == (shop, vip)
    assert press(f"remove:{shop}") == (vip,)
    assert press("add", add_list="999999") == (vip,)
    assert press("up:999") == (vip,)
    assert press("remove:x") == (vip,)


def test_a_list_of_another_platform_cannot_be_chosen(ada, draft, stranger):
    other = make_list(stranger.platform_id, "Theirs", italians(1))
    ada.post(f"/campaigns/{draft.id}/compose", data=form(draft, lists=[str(other)], do="save"))
    assert db.session.get(Campaign, draft.id).list_ids == ()


def test_a_button_replaces_what_makes_the_text_dear(ada, draft, platform):
    grant(platform.id, 1000)
    text = "It’s our “sale”" + " x" * 60
    offers = ada.post(f"/campaigns/{draft.id}/savings", data=form(draft, text=text), headers=HTMX).text
    assert "3 kinds of characters are not in GSM-7" in offers
    assert "saves" in offers
    ada.post(f"/campaigns/{draft.id}/compose", data=form(draft, text=text, do="save-by:fix:2019"))
    assert db.session.get(Campaign, draft.id).text.startswith("It's our “sale”")
    saved = db.session.get(Campaign, draft.id)
    ada.post(f"/campaigns/{draft.id}/compose", data=form(saved, do="save-by:all"))
    assert db.session.get(Campaign, draft.id).text.startswith('It\'s our "sale"')


def test_a_replacement_that_costs_more_by_itself_says_so(ada, draft, platform):
    grant(platform.id, 1000)
    text = "…😀 " + "a" * 66
    offers = ada.post(f"/campaigns/{draft.id}/savings", data=form(draft, text=text), headers=HTMX).text
    more = (
        quoting.quote_draft(
            platform.id, Draft("", "SHOP", text.replace("…", "..."), "", draft.list_ids), zone=ROME, now=NOW
        ).credits
        // 2
    )
    assert f"costs {more} credits more by itself" in offers


def test_two_wordings_stand_side_by_side_with_what_each_costs(ada, draft, platform):
    url = f"/campaigns/{draft.id}/wording"
    given = form(draft, text="x" * 161, other="y" * 160, do="compare")
    shown = ada.post(url, data=given, headers=HTMX).text
    assert shown.lstrip().startswith('<details id="wording"')
    dear, cheap = (
        quoting.quote_draft(
            platform.id, Draft("", "SHOP", "x" * n, "", draft.list_ids), zone=ROME, now=NOW
        ).credits
        for n in (161, 160)
    )
    assert f"<b>{dear}</b>" in shown
    assert f"<b>{cheap}</b>" in shown
    assert f"saves {dear - cheap} credits" in shown
    back = ada.post(url, data=given | {"text": "y" * 160, "other": "x" * 161}, headers=HTMX).text
    assert f"costs {dear - cheap} credits more" in back
    assert "x" * 161 not in db.session.get(Campaign, draft.id).text, "comparing saves nothing"


def test_without_javascript_the_comparison_is_on_the_page_and_nothing_typed_is_lost(ada, draft):
    given = form(draft, text="not saved yet", other="another", do="compare")
    page = ada.post(f"/campaigns/{draft.id}/wording", data=given).text
    assert "Both cost the same." in page
    assert ">not saved yet</textarea>" in page
    assert ">another</textarea>" in page


def test_a_wording_that_cannot_be_priced_says_why(ada, draft):
    url = f"/campaigns/{draft.id}/wording"
    for other, sentence in (("Hi {nickname}", "nickname"), ("", "Write what the message should say")):
        shown = ada.post(url, data=form(draft, other=other, do="compare"), headers=HTMX).text
        assert sentence in shown
        assert "Use the other" not in shown


def test_the_other_wording_is_taken_by_its_button(ada, draft):
    ada.post(f"/campaigns/{draft.id}/compose", data=form(draft, other="Ciao\r\nAda", do="use"))
    assert db.session.get(Campaign, draft.id).text == "Ciao\nAda"
    saved = db.session.get(Campaign, draft.id)
    ada.post(f"/campaigns/{draft.id}/compose", data=form(saved, other=" ", do="use"))
    assert db.session.get(Campaign, draft.id).text == "Ciao\nAda", "an empty one is no wording"


def test_trimming_shows_the_shorter_text_before_anything_is_changed(ada, draft, platform):
    grant(platform.id, 1000)
    given = form(draft, text="x" * 152 + " and so on", do="try:trim:5")
    offers = ada.post(f"/campaigns/{draft.id}/savings", data=given, headers=HTMX).text
    assert "5 characters less, without “so on”" in offers
    shown = ada.post(f"/campaigns/{draft.id}/wording", data=given, headers=HTMX).text
    assert ">" + "x" * 152 + " and </textarea>" in shown
    assert "The other saves" in shown
    assert "x" * 152 not in db.session.get(Campaign, draft.id).text, "nothing is changed yet"
    whole = ada.post(f"/campaigns/{draft.id}/wording", data=given).text
    assert ">" + "x" * 152 + " and so on</textarea>" in whole, "without JavaScript the page shows both"
    assert ">" + "x" * 152 + " and </textarea>" in whole


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_wording_that_was_taken_can_be_taken_back(ada, draft, headers):
    url = f"/campaigns/{draft.id}/compose"
    given = form(draft, text="the former", other="the shorter", do="use")
    page = ada.post(url, data=given, headers=headers).text
    assert db.session.get(Campaign, draft.id).text == "the shorter"
    assert ">the former</textarea>" in page
    assert "Take it back" in page
    saved = db.session.get(Campaign, draft.id)
    ada.post(url, data=form(saved, other="the former", do="use"), headers=headers)
    assert db.session.get(Campaign, draft.id).text == "the former"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_replaced_characters_can_be_taken_back(ada, draft, platform, headers):
    grant(platform.id, 1000)
    url, text = f"/campaigns/{draft.id}/compose", "It’s ours"
    page = ada.post(url, data=form(draft, text=text, do="save-by:fix:2019"), headers=headers).text
    assert db.session.get(Campaign, draft.id).text == "It's ours"
    assert f">{text}</textarea>" in page
    assert "Take it back" in page
    saved = db.session.get(Campaign, draft.id)
    ada.post(url, data=form(saved, other=text, do="use"), headers=headers)
    assert db.session.get(Campaign, draft.id).text == text


@pytest.mark.parametrize("word", ["fix:zz", "fix:", "all", "emoji", "trim:7", "nonsense", ""])
def test_a_button_that_is_not_offered_any_more_changes_nothing(ada, draft, platform, word):
    grant(platform.id, 1000)
    answer = ada.post(f"/campaigns/{draft.id}/compose", data=form(draft, do=f"save-by:{word}"))
    assert answer.status_code == 303
    assert db.session.get(Campaign, draft.id).text == draft.text


def test_the_message_can_be_read_as_anybody_on_the_lists(ada, draft, platform):
    grant(platform.id, 1000)
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    assert "As Zoë 👍 reads it" in page
    assert "1 of 2: in each country, the person it costs most for" in page
    found = ada.post(
        f"/campaigns/{draft.id}/quote", data=form(draft, do="find", find="Person 3"), headers=HTMX
    ).text
    assert "Hi Person 3, 20% off" in found
    nobody = ada.post(
        f"/campaigns/{draft.id}/quote", data=form(draft, do="find", find="Nobody"), headers=HTMX
    ).text
    assert "Nobody on the chosen lists" in nobody
    plain = ada.post(f"/campaigns/{draft.id}/compose", data=form(draft, do="find", find="Person 3"))
    assert "Hi Person 3, 20% off" in ada.get(plain.location).text


def test_scheduling_holds_the_number_on_the_button(ada, draft, platform):
    grant(platform.id, 1000)
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    answer = ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=fingerprint(page)))
    assert answer.status_code == 303
    found = db.session.get(Campaign, draft.id)
    assert found.status == "sending"
    assert engine.balance(platform.id, now=NOW).held == found.quoted_credits
    again = ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=fingerprint(page)))
    assert again.status_code == 303
    assert engine.balance(platform.id, now=NOW).held == found.quoted_credits


def test_a_text_changed_without_a_new_quote_is_not_scheduled(ada, draft, platform):
    grant(platform.id, 1000)
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    sent = form(draft, text="Something else", fingerprint=fingerprint(page))
    answer = ada.post(f"/campaigns/{draft.id}/schedule", data=sent)
    assert answer.status_code == 422
    assert "Something changed since you looked" in answer.text
    assert "Something else" in answer.text
    assert fingerprint(answer.text) != fingerprint(page)
    assert db.session.get(Campaign, draft.id).status == "draft"


def test_a_shortfall_is_a_true_sentence_with_the_ways_out(client, draft, platform, shop, admin, marketer):
    grant(platform.id, 100)
    engine.set_access(platform.id, {shop: 3}, actor=ADA, now=NOW, key="a")
    page = sign_in(client, admin).get(f"/campaigns/{draft.id}/compose").text
    needed = int(re.search(r'data-figure="total">(\d+)<', page)[1])
    assert f"Shop customers is {needed - 3} credits short." in page
    assert f"/assign?list={shop}&amp;need={needed - 3}&amp;back=/campaigns/{draft.id}/compose" in page
    assert f"/buy?back=/campaigns/{draft.id}/compose" in page
    assert "schedule-button" not in page
    theirs = sign_in(client, marketer).get(f"/campaigns/{draft.id}/compose").text
    assert "Ask an admin of your platform to assign" in theirs
    assert "/assign?" not in theirs


def test_a_test_message_is_charged_like_any_other(ada, draft, platform, run_jobs):
    grant(platform.id, 1000)
    answer = ada.post(
        f"/campaigns/{draft.id}/test", data=form(draft, test_phone="+393331234567", test_key="k")
    )
    assert answer.status_code == 303
    ada.post(f"/campaigns/{draft.id}/test", data=form(draft, test_phone="+393331234567", test_key="k"))
    (message,) = db.session.query(Message).filter_by(campaign_id=None).all()
    assert message.phone == 393331234567
    assert message.text == "Hi Zoë 👍, 20% off"
    assert engine.balance(platform.id, now=NOW).held == message.credits
    assert ada.get(f"/messages/{message.id}").status_code == 200


@pytest.mark.parametrize("number", ["", "hello", "333", "+3933312345678901"])
def test_a_test_to_no_number_is_refused_with_a_sentence(ada, draft, platform, number):
    grant(platform.id, 1000)
    answer = ada.post(f"/campaigns/{draft.id}/test", data=form(draft, test_phone=number))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert db.session.query(Message).count() == 0


def test_a_single_message_of_another_platform_is_nothing(client, ada, draft, platform, stranger):
    grant(platform.id, 1000)
    ada.post(f"/campaigns/{draft.id}/test", data=form(draft, test_phone="+393331234567", test_key="k"))
    (message,) = db.session.query(Message).filter_by(campaign_id=None).all()
    assert sign_in(client, stranger).get(f"/messages/{message.id}").status_code == 404


def test_a_draft_can_be_deleted_and_a_campaign_cannot(ada, draft, campaign):
    assert ada.post(f"/campaigns/{draft.id}/delete").status_code == 303
    assert ada.post(f"/campaigns/{campaign.campaign_id}/delete").status_code == 409


def test_pausing_going_on_and_cancelling_say_what_they_did(ada, campaign):
    url = f"/campaigns/{campaign.campaign_id}"
    assert ada.post(f"{url}/pause").status_code == 303
    assert campaign.campaign.status == "paused"
    assert ada.post(f"{url}/pause").status_code == 409
    assert ada.post(f"{url}/resume").status_code == 303
    assert campaign.campaign.status == "sending"
    page = ada.get(url).text
    assert "that gives back up to 10 credits" in page
    assert "10 credits are available again" in ada.post(f"{url}/cancel", follow_redirects=True).text
    assert ada.post(f"{url}/cancel").status_code == 409
    assert "charged 0: 10 released, cancelled." in ada.get(url).text


def test_quoted_stands_beside_charged_with_every_reason(ada, campaign, sending):
    from webapp.audience import suppression
    from webapp.campaigns.gateways.api import Declined

    suppression.do_not_contact(campaign.platform_id, [393330000003], reason="", by="Ada", now=NOW)

    def refuse_one(messages):
        from tests.campaigns.makers import accept_all

        return accept_all(messages) | {messages[0].reference: Declined("off")}

    gateway = FakeGateway(answers=[refuse_one])
    while not dispatching.step(campaign.campaign_id, gateway, sending(), now=NOW).over:
        pass
    page = " ".join(ada.get(f"/campaigns/{campaign.campaign_id}").text.split())
    assert "Quoted 10, charged 6: 4 released, 2 refused by the gateway, 2 do not contact since." in page


def test_progress_stops_asking_when_there_is_nothing_to_wait_for(ada, campaign, sending):
    url = f"/campaigns/{campaign.campaign_id}/progress"
    assert "every 2s" in ada.get(url, headers=HTMX).text
    gateway = FakeGateway()
    while not dispatching.step(campaign.campaign_id, gateway, sending(), now=NOW).over:
        pass
    db.session.query(Message).update({"delivery": "delivered"})
    db.session.commit()
    answer = ada.get(f"{url}?was=sending", headers=HTMX).text
    assert "hx-trigger" not in answer.split("campaign-actions")[0]
    assert 'id="campaign-actions" class="page-action" hx-swap-oob="true"' in answer


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", 5),
        ("?state=queued", 5),
        ("?state=sent", 0),
        ("?state=nonsense", 5),
        ("?country=IT", 5),
        ("?country=it", 5),
        ("?country=FR", 0),
        ("?number=%2B39333", 5),
        ("?number=393330000003", 1),
        ("?number=0039333", 5),
        ("?number=44", 0),
        ("?number=letters", 0),
        ("?number=0", 0),
        ("?after=0", 5),
        ("?after=x", 5),
        ("?before=0", 0),
        ("?number=" + "9" * 40, 0),
    ],
)
def test_messages_are_filtered_by_state_country_and_number(ada, campaign, query, rows):
    page = ada.get(f"/campaigns/{campaign.campaign_id}{query}", headers=HTMX)
    assert page.status_code == 200
    assert page.text.count('scope="row"') == rows


def test_messages_page_forth_and_back_without_gap_or_repeat(ada, platform):
    many = confirmed(platform.id, count=120)
    url, seen = f"/campaigns/{many.campaign_id}", []
    while url:
        page = ada.get(url).text
        seen.append(re.findall(r"\+(39333\d+)</a>", page))
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following[1].replace("&amp;", "&") if following else None
    assert [len(rows) for rows in seen] == [50, 50, 20]
    assert len({number for rows in seen for number in rows}) == 120
    back = re.search(r'rel="prev" href="([^"]+)"', page)[1]
    assert re.findall(r"\+(39333\d+)</a>", ada.get(back.replace("&amp;", "&")).text) == seen[1]


def test_a_message_opens_to_its_text_price_and_receipts(ada, campaign):
    page = ada.get(f"/campaigns/{campaign.campaign_id}/messages/{campaign.message_ids[0]}").text
    assert "Hi Person 0, 20% off" in page
    assert "world_rates" in page
    assert "Held for it" in page


def test_a_message_under_another_campaign_is_nothing(ada, campaign, platform):
    other = confirmed(platform.id, count=1)
    assert ada.get(f"/campaigns/{other.campaign_id}/messages/{campaign.message_ids[0]}").status_code == 404


def test_rescheduling_shows_the_new_price_and_swaps(ada, draft, platform):
    grant(platform.id, 1000)
    draft.send_local = "2026-12-10T09:00"
    db.session.commit()
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=fingerprint(page)))
    url = f"/campaigns/{draft.id}/reschedule"
    shown = ada.get(f"{url}?send_local=2026-12-11T09:00").text
    assert "as before" in shown
    answer = ada.post(url, data={"send_local": "2026-12-11T09:00", "fingerprint": fingerprint(shown)})
    assert answer.status_code == 303
    assert db.session.get(Campaign, draft.id).send_at == NOW.replace(month=12, day=11, hour=8)
    assert ada.post(url, data={"send_local": "2026-12-12T09:00", "fingerprint": "x"}).status_code == 422
    assert "has passed" in ada.get(f"{url}?send_local=2020-01-01T00:00").text


@pytest.fixture
def scheduled(ada, draft, platform):
    """The draft, scheduled with exactly the 10 credits that the platform has."""
    draft.send_local = "2026-12-10T09:00"
    grant(platform.id, 10)
    db.session.commit()
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    answer = ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=fingerprint(page)))
    assert answer.status_code == 303
    assert engine.balance(platform.id, now=NOW).available == 0
    return draft


def test_the_credits_a_campaign_holds_count_for_its_own_new_time(ada, scheduled):
    shown = ada.get(f"/campaigns/{scheduled.id}/reschedule?when=at&send_local=2026-12-11T09:00").text
    assert "as before" in shown
    assert "Reschedule: 10 credits" in shown
    assert "short" not in shown.split('id="reschedule-quote"')[1]


def test_a_new_time_that_costs_more_than_there_is_says_how_much_is_lacking_and_the_way_back(
    client, admin, scheduled, platform, shop
):
    sign_in(client, admin)
    for n in range(3):
        recipients.add_recipient(platform.id, shop, 393331111111 + n, "IT", {}, now=NOW)
    url = f"/campaigns/{scheduled.id}/reschedule"
    shown = client.get(f"{url}?when=at&send_local=2026-12-11T09:00").text
    assert "Shop customers is 6 credits short" in shown
    assert "Reschedule:" not in shown
    assert f"/buy?back={url}?when%3Dat%26send_local%3D2026-12-11T09:00" in shown


def test_a_scheduled_campaign_may_go_out_now_instead(ada, scheduled, platform):
    url = f"/campaigns/{scheduled.id}/reschedule"
    shown = ada.get(f"{url}?when=now&send_local=2026-12-11T09:00").text
    assert "Send now: 10 credits" in shown
    answer = ada.post(url, data={"when": "now", "send_local": "", "fingerprint": fingerprint(shown)})
    assert answer.status_code == 303
    campaign = db.session.get(Campaign, scheduled.id)
    assert campaign.status == "sending"
    assert engine.balance(platform.id, now=NOW).held == 10


def signed(settings, reports, at=NOW):
    body = json.dumps({"receipts": reports}).encode()
    return body, {
        HEADER: signature(body, settings.key, int(at.timestamp())),
        "Content-Type": "application/json",
    }


@pytest.fixture
def gateway_settings(app, sending, monkeypatch):
    settings = sending()
    monkeypatch.setitem(app.extensions, EXTENSION, settings)
    return settings


def report(campaign, index, status="delivered", key="1", at=NOW):
    reference = f"{campaign.campaign.token}-{campaign.message_ids[index]}"
    return {"reference": reference, "key": key, "status": status, "at": at.timestamp()}


def test_receipts_move_messages_once_and_in_any_order(client, campaign, sending, gateway_settings):
    while not dispatching.step(campaign.campaign_id, FakeGateway(), sending(), now=NOW).over:
        pass
    later = NOW + timedelta(seconds=5)
    batch = [
        report(campaign, 0),
        report(campaign, 1, "failed"),
        report(campaign, 2, "delivered", "2", later),
        report(campaign, 2, "failed", "1"),
        {"reference": "stranger-1", "key": "1", "status": "delivered", "at": 1},
        {"reference": f"{'0' * 16}-{campaign.message_ids[3]}", "key": "1", "status": "delivered", "at": 1},
    ]
    body, headers = signed(gateway_settings, batch)
    answer = client.post("/gateways/sandbox/receipts", data=body, headers=headers)
    assert answer.json == {"new": 4, "known": 0, "unknown": 2}
    assert campaign.states() == ["delivered", "failed", "delivered", "sent", "sent"]
    again = client.post("/gateways/sandbox/receipts", data=body, headers=headers)
    assert again.json == {"new": 0, "known": 4, "unknown": 2}
    assert campaign.states() == ["delivered", "failed", "delivered", "sent", "sent"]
    late, headers = signed(gateway_settings, [report(campaign, 0, "failed", "9", later)])
    client.post("/gateways/sandbox/receipts", data=late, headers=headers)
    assert campaign.states()[0] == "delivered"


def test_a_receipt_may_come_before_the_answer_to_the_hand_off(client, campaign, sending, gateway_settings):
    intents.claim(campaign.campaign_id, limit=5, lease_s=0.0, now=NOW)
    body, headers = signed(gateway_settings, [report(campaign, 0)])
    assert client.post("/gateways/sandbox/receipts", data=body, headers=headers).json["new"] == 1
    assert campaign.states()[0] == "submitting"
    while not dispatching.step(campaign.campaign_id, FakeGateway(), sending(), now=NOW).over:
        pass
    assert campaign.states() == ["delivered", *["sent"] * 4]


@pytest.mark.parametrize("spoil", ["signature", "missing", "old", "body"])
def test_receipts_that_are_not_signed_are_refused(client, campaign, gateway_settings, spoil):
    body, headers = signed(
        gateway_settings, [report(campaign, 0)], at=NOW - timedelta(hours=1) if spoil == "old" else NOW
    )
    if spoil == "signature":
        headers[HEADER] = headers[HEADER][:-1] + ("0" if headers[HEADER][-1] != "0" else "1")
    if spoil == "missing":
        del headers[HEADER]
    if spoil == "body":
        body += b" "
    assert client.post("/gateways/sandbox/receipts", data=body, headers=headers).status_code == 401
    assert campaign.states() == ["queued"] * 5


def test_another_gateway_has_no_door(client, gateway_settings):
    assert client.post("/gateways/other/receipts", data=b"{}").status_code == 404


def test_receipts_need_no_token_of_a_form(app, campaign, gateway_settings):
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        body, headers = signed(gateway_settings, [report(campaign, 0)])
        assert (
            app.test_client().post("/gateways/sandbox/receipts", data=body, headers=headers).status_code
            == 200
        )
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


def test_a_batch_of_receipts_is_all_or_nothing(campaign):
    from webapp.campaigns.gateways.api import Report

    taken = receipts.receive([Report("x", "k", "delivered", "", NOW)], now=NOW)
    assert taken == receipts.Taken(0, 0, 1)
