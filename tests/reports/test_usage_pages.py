"""The pages of reports, as their readers open them: period, list, campaign, message."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.personas import make_person, make_platform, sign_in
from tests.reports.scenes import HTMX, grant, make_list, make_message, round_trips, send
from webapp.credits import engine
from webapp.reports import usage
from webapp.reports.usage import Scope

NOW = datetime.now(UTC)
READERS = ("admin", "marketer", "viewer")


@pytest.fixture
def scene(platform):
    """Spring: 40 to Italy by Shop, 10 to Germany by VIP. Autumn: 10 to France by Shop, 4 without a list."""
    grant(platform, 10_000, now=NOW - timedelta(days=40))
    shop, vip = make_list(platform, "Shop"), make_list(platform, "VIP")
    spring = send(platform, "Spring sale", [(shop, "IT", 40, 1, 2), (vip, "DE", 10, 2, 1)], now=NOW)
    autumn = send(platform, "Autumn", [(shop, "FR", 10, 1, 3), (None, "IT", 4, 1, 2)], now=NOW)
    return {"shop": shop.id, "vip": vip.id, "spring": spring.id, "autumn": autumn.id, "lists": (shop, vip)}


def pages(scene):
    return (
        "/reports",
        f"/reports/lists/{scene['shop']}",
        f"/reports/lists/{scene['shop']}/campaigns/{scene['spring']}",
        "/reports/lists/none",
        f"/reports/lists/none/campaigns/{scene['autumn']}",
    )


def words(answer):
    """The text of a page, tags and white space taken away."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def rows(answer, heading):
    """The cells of the rows of the table under a heading."""
    table = answer.text.split(f'id="{heading}"')[1].split("</table>")[0].split("<tbody>")[1]
    found = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        for row in table.split("</tr>")
        if "<t" in row
    ]
    return [[re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row] for row in found]


@pytest.mark.parametrize("role", READERS)
def test_every_role_of_the_platform_reads_every_level_as_page_and_as_fragment(client, platform, scene, role):
    sign_in(client, make_person(platform, role))
    for url in pages(scene):
        page, fragment = client.get(url), client.get(url, headers=HTMX)
        assert (page.status_code, fragment.status_code) == (200, 200)
        assert page.text.count('id="usage-report"') == fragment.text.count('id="usage-report"') == 1
        assert "<html" in page.text
        assert "<html" not in fragment.text
        assert fragment.text.lstrip().startswith('<div id="usage-report"')


def test_signed_out_is_sent_to_sign_in_and_an_operator_has_no_reports(client, operator, scene):
    for url in (*pages(scene), "/reports/export", "/reports/files/1", "/reports/files/1/download"):
        assert client.get(url).status_code == 303
    sign_in(client, operator)
    for url in pages(scene):
        assert client.get(url).status_code == 403


def test_the_lists_are_shown_by_spend_and_the_total_is_theirs(client, viewer, scene):
    answer = sign_in(client, viewer).get("/reports")
    assert rows(answer, "by-line") == [
        ["Shop", "50", "50", "110", ""],
        ["VIP", "10", "20", "20", ""],
        ["No list", "4", "4", "8", ""],
        ["Total", "64", "74", "138", ""],
    ]
    assert "Credits 138" in words(answer)


def test_a_list_opens_to_its_campaigns_and_a_campaign_to_its_messages_with_the_path_on_top(
    client, viewer, scene
):
    sign_in(client, viewer)
    answer = client.get(f"/reports/lists/{scene['shop']}?days=7")
    assert [row[:4] for row in rows(answer, "by-line")] == [
        ["Spring sale", "40", "40", "80"],
        ["Autumn", "10", "10", "30"],
        ["Total", "50", "50", "110"],
    ]
    assert 'href="/reports?days=7"' in answer.text
    answer = client.get(f"/reports/lists/{scene['shop']}/campaigns/{scene['autumn']}?days=7")
    assert len(rows(answer, "by-message")) == 10
    assert f'href="/reports/lists/{scene["shop"]}?days=7"' in answer.text
    assert "Credits 30" in words(answer)


def test_messages_without_a_list_are_reported_under_no_list(client, viewer, scene):
    sign_in(client, viewer)
    answer = client.get("/reports/lists/none")
    assert rows(answer, "by-line")[0][:4] == ["Autumn", "4", "4", "8"]
    assert "No list" in answer.text
    answer = client.get(f"/reports/lists/none/campaigns/{scene['autumn']}")
    assert len(rows(answer, "by-message")) == 4


def test_single_messages_stand_together_and_open_to_each(client, viewer, platform, scene):
    for number in (9_000_000_901, 9_000_000_902):  # no message of the scene has such an id
        hold = engine.place_hold(
            platform.id,
            [engine.Demand(None, 2)],
            send_at=NOW,
            subject=engine.Subject("message", number),
            label="a test",
            actor=engine.SYSTEM,
            now=NOW,
            key=f"single-{number}",
        )
        engine.capture(
            hold.hold_id,
            [engine.Charge(number, None, "IT", 1, 2, "world_rates", "1")],
            now=NOW,
            key=f"c-{number}",
        )
    sign_in(client, viewer)
    answer = client.get("/reports/lists/none")
    assert ["Single messages", "2", "2", "4"] in [row[:4] for row in rows(answer, "by-line")]
    assert "Credits 4" in words(client.get("/reports/lists/none/campaigns/none"))


def test_a_deleted_list_keeps_its_name(client, viewer, platform, scene):
    scene["lists"][1].deleted_at = NOW
    answer = sign_in(client, viewer).get("/reports")
    assert rows(answer, "by-line")[1][0] == "VIP deleted"
    assert client.get(f"/reports/lists/{scene['vip']}").status_code == 200


def test_countries_and_their_segments_stand_at_every_level(client, viewer, scene):
    sign_in(client, viewer)
    assert rows(client.get("/reports"), "by-country") == [
        ["Italy", "44", "44", "88"],
        ["France", "10", "10", "30"],
        ["Germany", "10", "20", "20"],
    ]
    assert rows(client.get(f"/reports/lists/{scene['vip']}"), "by-country") == [["Germany", "10", "20", "20"]]
    url = f"/reports/lists/{scene['shop']}/campaigns/{scene['spring']}"
    assert rows(client.get(url), "by-country") == [["Italy", "40", "40", "80"]]


def test_a_country_narrows_every_figure(client, viewer, scene):
    answer = sign_in(client, viewer).get("/reports?days=30&country=IT")
    assert [row[:4] for row in rows(answer, "by-line")] == [
        ["Shop", "40", "40", "80"],
        ["No list", "4", "4", "8"],
        ["Total", "44", "44", "88"],
    ]
    assert "Only Italy." in words(answer)
    assert f'href="/reports/lists/{scene["shop"]}?days=30&amp;country=IT"' in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-02-01&to=2026-01-01",
        "from=1000-01-01&to=2026-01-01",
        "from=2001-01-01&to=2026-01-01",
        "from=yesterday",
        "to=2026-02-30",
        "month=2026-13",
        "days=-1",
        "days=1e9",
    ],
)
def test_a_period_that_cannot_be_shown_is_422_with_a_sentence_and_no_figures(client, viewer, scene, query):
    sign_in(client, viewer)
    for headers in ({}, HTMX):
        for url in pages(scene):
            answer = client.get(f"{url}?{query}", headers=headers)
            assert answer.status_code == 422
            assert 'role="alert"' in answer.text
            assert 'id="by-day"' not in answer.text
    assert client.get(f"/reports/export?{query}").status_code == 422


@pytest.mark.parametrize("key", ["0", "-1", "abc", "1e3", "9" * 30, "%00", "none%20", "٣"])
def test_what_names_no_list_or_campaign_is_404(client, viewer, scene, key):
    sign_in(client, viewer)
    assert client.get(f"/reports/lists/{key}").status_code == 404
    assert client.get(f"/reports/lists/none/campaigns/{key}").status_code == 404


@pytest.mark.parametrize("country", ["ITA", "it", "1", "%27", "I%00"])
def test_what_is_no_country_is_404(client, viewer, scene, country):
    assert sign_in(client, viewer).get(f"/reports?country={country}").status_code == 404


@pytest.mark.parametrize("before", ["0", "-5", "x", "9" * 40, ""])
def test_a_place_that_is_none_shows_the_latest_messages(client, viewer, scene, before):
    url = f"/reports/lists/{scene['shop']}/campaigns/{scene['autumn']}?before={before}"
    assert len(rows(sign_in(client, viewer).get(url), "by-message")) == 10


def test_another_platforms_lists_and_campaigns_are_404(client, stranger, scene):
    sign_in(client, stranger)
    for url in pages(scene)[1:3]:
        assert client.get(url).status_code == 404
    assert client.get(f"/reports/lists/none/campaigns/{scene['spring']}").status_code == 404
    assert client.get(f"/reports/export?list={scene['shop']}").status_code == 404
    assert "Nothing was sent" in client.get("/reports").text


def test_nothing_of_another_platform_is_counted(client, viewer, scene):
    other = make_platform()
    grant(other, 100, now=NOW)
    send(other, "Theirs", [(make_list(other, "Theirs"), "IT", 5, 1, 2)], now=NOW)
    assert "Credits 138" in words(sign_in(client, viewer).get("/reports"))


def test_an_empty_report_says_what_to_do_next(client, admin, viewer):
    answer = sign_in(client, admin).get("/reports")
    assert "Nothing was sent in this period" in answer.text
    assert "Go to the campaigns" in answer.text
    assert "Export" not in answer.text
    answer = sign_in(client, viewer).get("/reports")
    assert "Choose a longer period" in answer.text
    assert "Go to the campaigns" not in answer.text


def test_a_day_begins_at_midnight_of_the_platforms_zone(platform):
    grant(platform, 100, now=datetime(2026, 6, 1, tzinfo=UTC))
    shop = make_list(platform, "Shop")
    send(platform, "Late", [(shop, "IT", 1, 1, 2)], now=datetime(2026, 6, 30, 21, 59, tzinfo=UTC))
    send(platform, "Later", [(shop, "IT", 1, 1, 3)], now=datetime(2026, 6, 30, 22, 0, tzinfo=UTC))
    found = usage.usage(Scope(platform.id, date(2026, 6, 1), date(2026, 7, 31)))
    assert {day: figures.credits for day, figures in found.days.items()} == {
        date(2026, 6, 30): 2,
        date(2026, 7, 1): 3,
    }


def test_a_changed_time_zone_changes_later_days_only(platform):
    grant(platform, 100, now=datetime(2026, 6, 1, tzinfo=UTC))
    shop = make_list(platform, "Shop")
    send(platform, "Before", [(shop, "IT", 1, 1, 2)], now=datetime(2026, 6, 30, 23, tzinfo=UTC))
    platform.time_zone = "America/New_York"
    send(platform, "After", [(shop, "IT", 1, 1, 3)], now=datetime(2026, 7, 2, 2, tzinfo=UTC))
    found = usage.usage(Scope(platform.id, date(2026, 6, 1), date(2026, 7, 31)))
    assert {day: figures.credits for day, figures in found.days.items()} == {date(2026, 7, 1): 5}


def test_long_periods_are_drawn_by_week_and_by_month(client, viewer, scene):
    sign_in(client, viewer)
    assert "Credits by day" in client.get("/reports?days=90").text
    assert "Credits by week" in client.get("/reports?days=200").text
    answer = client.get("/reports?days=900")
    assert "Credits by month" in answer.text
    assert answer.text.count('class="chart-bar"') <= 62


def test_messages_are_read_page_by_page_and_none_twice(client, viewer, platform, scene):
    campaign = send(platform, "Long", [(scene["lists"][0], "IT", 120, 1, 2)], now=NOW)
    sign_in(client, viewer)
    url, seen = f"/reports/lists/{scene['shop']}/campaigns/{campaign.id}", []
    while url:
        answer = client.get(url)
        seen += [row[0] for row in rows(answer, "by-message")]
        older = re.search(r'rel="next" href="([^"]+)"', answer.text)
        url = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 120


def test_an_uncharged_message_is_in_no_report(client, viewer, platform, scene):
    campaign = send(platform, "Half", [(scene["lists"][0], "IT", 3, 1, 2)], now=NOW)
    make_message(platform, campaign, scene["shop"], country="IT", segments=1, rate=2)
    answer = sign_in(client, viewer).get(f"/reports/lists/{scene['shop']}/campaigns/{campaign.id}")
    assert len(rows(answer, "by-message")) == 3


def test_what_people_typed_is_shown_as_text(client, viewer, platform, scene):
    evil = make_list(platform, "<script>alert(1)</script>")
    campaign = send(platform, "<img src=x onerror=alert(1)>", [(evil, "IT", 1, 1, 2)], now=NOW)
    sign_in(client, viewer)
    for url in ("/reports", f"/reports/lists/{evil.id}", f"/reports/lists/{evil.id}/campaigns/{campaign.id}"):
        answer = client.get(url)
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text


def test_many_lists_are_shown_in_pages_and_the_total_stays(client, viewer, platform):
    grant(platform, 10_000, now=NOW)
    lists = [make_list(platform, f"List {number:03}") for number in range(60)]
    send(platform, "All", [(found, "IT", 1, 1, 2) for found in lists], now=NOW)
    sign_in(client, viewer)
    first, second = client.get("/reports"), client.get("/reports?page=2")
    assert (len(rows(first, "by-line")), len(rows(second, "by-line"))) == (51, 11)
    assert rows(first, "by-line")[-1][3] == rows(second, "by-line")[-1][3] == "120"


@pytest.mark.parametrize(("level", "most"), [(0, 7), (1, 8), (2, 9)])
def test_a_page_asks_for_its_figures_once_however_much_there_is(
    client, viewer, platform, scene, monkeypatch, level, most
):
    """Who asks and their session; the figures in one statement, the names in another (with the path's list,
    campaign and messages); and three for the credit widget."""
    sign_in(client, viewer)
    url = pages(scene)[level]
    client.get(url)
    with round_trips(monkeypatch) as few:
        client.get(url)
    lists = [make_list(platform, f"L{number}") for number in range(30)]
    send(platform, "More", [(found, "IT", 2, 1, 2) for found in (*lists, scene["lists"][0])], now=NOW)
    with round_trips(monkeypatch) as many:
        client.get(url)
    assert len(many) == len(few) == most, "\n".join(many)
