"""The ledger page: every movement in plain words, filtered, page by page, equal to the balance."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook

from tests.personas import make_platform, sign_in
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
)
from webapp import clock
from webapp.credits import engine, ledger_filters, movements
from webapp.credits.movement_query import Filters, Place
from webapp.reports.views import ledger as ledger_files

NOW = datetime.now(UTC).replace(microsecond=0)


def words(text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).strip()


def lines(answer):
    """The rows of the table: what, who, change, available after."""
    found = []
    for row in re.findall(r"<tr>\s*<td class=\"ledger-when.*?</tr>", answer.text, re.DOTALL):
        what = words(re.search(r'<span class="ledger-words">(.*?)</span>', row, re.DOTALL)[1])
        cells = [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        found.append((what, *cells[1:]))
    return found


def notes(answer):
    return [
        words(note) for note in re.findall(r'<span class="ledger-note">(.*?)</span>', answer.text, re.DOTALL)
    ]


@pytest.fixture
def scene(platform):
    """A grant, an assignment, a hold, two charges, a release and a purchase that renews."""
    start = NOW - timedelta(days=10)
    grant(platform, 1000, now=start, days=100)
    shop, vip = make_list(platform, "Shop"), make_list(platform, "VIP")
    engine.assign(platform.id, {vip.id: 100}, actor=ADA, now=start + timedelta(hours=1), key=key())
    spring = make_campaign(platform, "Spring sale")
    held = hold(platform, spring, [(shop.id, 20), (vip.id, 10)], now=start + timedelta(hours=2))
    sent = [make_message(platform, spring, shop.id, country="IT", segments=1, rate=2) for _ in range(4)]
    charge(held.hold_id, sent[:2], now=start + timedelta(hours=3))
    charge(held.hold_id, sent[2:], now=start + timedelta(hours=4))
    engine.release(
        held.hold_id, None, reason="cancelled", actor=ADA, now=start + timedelta(hours=5), key=key()
    )
    engine.purchase(
        platform.id,
        500,
        validity_months=24,
        subject=engine.Subject("order", 3),
        actor=ADA,
        now=start + timedelta(hours=6),
        key=key(),
    )
    return {"shop": shop.id, "vip": vip.id, "spring": spring.id}


def test_every_movement_is_told_with_who_and_the_balance_after_it(client, admin, scene):
    told = lines(sign_in(client, admin).get("/ledger"))
    assert [line[0] for line in told[1:]] == [
        "Released 22 from Spring sale",
        "Charged 8 for Spring sale in 2 batches",
        "Held 30 for Spring sale",
        "Limited VIP to 100 set aside for it",
        told[5][0],
    ]
    assert re.match(r"Bought 500, usable until \d+ \w+ 20\d\d, Italian time", told[0][0])
    assert re.match(r"Granted 1,000, usable until", told[5][0])
    assert [line[1] for line in told] == ["Ada", "Ada", "the system", "Ada", "Ada", "Ada"]
    assert [line[2] for line in told] == ["+500", "+22", "–", "-30", "–", "+1,000"]
    assert [line[3] for line in told] == ["1,492", "992", "970", "970", "1,000", "1,000"]


def test_renewals_reasons_and_shares_stand_beneath(client, admin, scene):
    beneath = notes(sign_in(client, admin).get("/ledger"))
    assert any(re.match(r"Renewed 1 lot to \d+ \w+ 20\d\d", note) for note in beneath)
    assert "cancelled" in beneath
    assert "20 unassigned, 10 VIP" in beneath
    assert "a trial" in beneath


def test_the_reason_is_a_link_to_its_page(client, admin, scene):
    answer = sign_in(client, admin).get("/ledger")
    assert f'href="/campaigns/{scene["spring"]}"' in answer.text
    assert 'href="/orders/3"' in answer.text


def test_an_expiry_tells_who_bore_it(client, admin, platform):
    start = NOW - timedelta(days=20)
    grant(platform, 50, now=start, days=5)
    shop, vip = make_list(platform, "Shop"), make_list(platform, "VIP")
    grant(platform, 60, now=start, days=None)
    engine.assign(platform.id, {shop.id: 54, vip.id: 36}, actor=ADA, now=start, key=key())
    engine.expire_due(now=NOW, platform_id=platform.id)
    told = lines(sign_in(client, admin).get("/ledger"))
    assert told[0][0] == "Expired 50: 20 unassigned, 18 Shop, 12 VIP"
    assert told[0][2:] == ("-50", "60")


def test_the_balance_of_the_newest_line_is_what_the_widget_shows(client, admin, platform, scene):
    answer = sign_in(client, admin).get("/ledger")
    assert lines(answer)[0][3].replace(",", "") == re.search(r'data-credits="(\d+)"', answer.text)[1]


@pytest.mark.parametrize(
    ("query", "begins"),
    [
        ("kind=hold", ["Held 30"]),
        ("kind=expire", []),
        ("list={vip}", ["Released 22", "Held 30", "Limited VIP"]),
        ("list={shop}", ["Released 22", "Charged 8", "Held 30"]),
        ("campaign={spring}", ["Released 22", "Charged 8", "Held 30"]),
        ("campaign={spring}&kind=capture", ["Charged 8"]),
        ("campaign=999999", []),
        ("list={vip}&kind=assign", ["Limited VIP"]),
        ("to=2020-01-01", []),
        ("from=2199-01-01", []),
    ],
)
def test_movements_are_filtered_by_kind_list_campaign_and_time(client, admin, scene, query, begins):
    sign_in(client, admin)
    for headers in ({}, HTMX):
        answer = client.get(f"/ledger?{query.format(**scene)}", headers=headers)
        told = [line[0] for line in lines(answer)]
        assert len(told) == len(begins)
        assert all(line.startswith(begin) for line, begin in zip(told, begins, strict=True))
        assert begins or "No movement matches" in answer.text


def test_a_day_of_the_filter_is_one_of_the_platforms_zone(client, admin, platform):
    before = datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC)
    grant(platform, 1, now=before)
    grant(platform, 2, now=before + timedelta(seconds=1))
    sign_in(client, admin)
    told = [line[0] for line in lines(client.get("/ledger?from=2026-07-01&to=2026-07-01"))]
    assert len(told) == 1
    assert told[0].startswith("Granted 2")
    assert lines(client.get("/ledger?to=2026-06-30"))[0][0].startswith("Granted 1,")


@pytest.mark.parametrize(
    "query",
    [
        "kind=theft",
        "list=x",
        "list=-1",
        "campaign=1.5",
        "from=2026-02-30",
        "to=soon",
        "from=2026-02-02&to=2026-02-01",
        "list=" + "9" * 30,
        "from=0001-01-01",
    ],
)
def test_a_filter_that_cannot_be_read_is_422_with_a_sentence(client, admin, scene, query):
    sign_in(client, admin)
    for headers in ({}, HTMX):
        answer = client.get(f"/ledger?{query}", headers=headers)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert lines(answer) == []
    assert client.post(f"/ledger/export?{query}").status_code == 422


@pytest.mark.parametrize("before", ["x", "1-0", "99999999999999999-5", "-1-1", "1-" + "9" * 40, ""])
def test_a_place_that_is_none_shows_the_newest(client, admin, scene, before):
    assert len(lines(sign_in(client, admin).get(f"/ledger?before={before}"))) in (0, 6)


def test_another_platforms_list_is_404_and_its_movements_are_nowhere(client, admin, stranger, scene):
    sign_in(client, stranger)
    assert client.get(f"/ledger?list={scene['vip']}").status_code == 404
    assert lines(client.get("/ledger")) == []
    assert lines(client.get(f"/ledger?campaign={scene['spring']}")) == []
    assert "Spring sale" not in client.get("/ledger").text


def test_only_an_admin_reads_it_and_the_operator_any_read_only(
    client, marketer, viewer, operator, platform, scene
):
    assert client.get("/ledger").status_code == 303
    for person in (marketer, viewer, operator):
        sign_in(client, person)
        assert client.get("/ledger").status_code == 403
        assert client.post("/ledger/export").status_code == 403
    url = f"/operator/platforms/{platform.id}/ledger"
    answer = client.get(url)
    assert len(lines(answer)) == 6
    assert 'href="/campaigns/' not in answer.text
    assert client.get("/operator/platforms/999999/ledger").status_code == 404
    assert client.get(f"/operator/platforms/{'9' * 40}/ledger").status_code == 404
    for person in (marketer, viewer):
        assert sign_in(client, person).get(url).status_code == 403


def test_the_pages_hold_every_movement_once_and_the_balance_runs_through(client, admin, platform):
    shop = make_list(platform, "Shop")
    for number in range(130):
        at = NOW - timedelta(minutes=500 - 2 * number)
        grant(platform, number + 1, now=at, days=None)
        if number % 10 == 0:
            held = hold(platform, make_campaign(platform, f"C{number}"), [(shop.id, 1)], now=at)
            engine.release(held.hold_id, None, reason="x", actor=ADA, now=at, key=key())
    sign_in(client, admin)
    url, told = "/ledger", []
    while url:
        answer = client.get(url)
        told += lines(answer)
        older = re.search(r'rel="next" href="([^"]+)"', answer.text)
        url = older[1].replace("&amp;", "&") if older else None
    assert len(told) == 156
    balance = 0
    for _what, _who, change, after in reversed(told):
        balance += int(change.replace(",", "").replace("–", "0"))
        assert balance == int(after.replace(",", ""))


def test_ten_thousand_batches_of_a_campaign_are_one_line_with_their_sum(platform, monkeypatch):
    monkeypatch.setattr(movements, "WINDOW_ROWS", 5)
    grant(platform, 1000, now=NOW)
    campaign = make_campaign(platform, "Long")
    sent = [make_message(platform, campaign, None, country="IT", segments=1, rate=2) for _ in range(23)]
    held = hold(platform, campaign, [(None, 46)], now=NOW)
    for message in sent:
        charge(held.hold_id, [message], now=NOW)
    page = movements.page_of(platform.id, Filters())
    assert [(m.kind, m.batches, m.credits) for m in page.movements] == [("capture", 23, 46)]
    assert page.movements[0].available_after == 954
    rest = movements.page_of(platform.id, Filters(), page.older)
    assert [(m.kind, m.batches) for m in rest.movements] == [("hold", 1), ("grant", 1)]
    assert rest.older is None


def test_a_run_of_charges_that_ends_with_the_ledger_is_the_last_page(platform, monkeypatch):
    monkeypatch.setattr(movements, "WINDOW_ROWS", 3)
    grant(platform, 1000, now=NOW)
    campaign = make_campaign(platform, "Long")
    held = hold(platform, campaign, [(None, 16)], now=NOW)
    for _ in range(8):
        charge(
            held.hold_id, [make_message(platform, campaign, None, country="IT", segments=1, rate=2)], now=NOW
        )
    page = movements.page_of(platform.id, Filters(kind="capture"))
    assert ([(m.batches, m.credits) for m in page.movements], page.older) == ([(8, 16)], None)


def test_a_place_in_the_address_is_the_place_to_the_microsecond():
    place = Place(datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC), 2**59)
    assert ledger_filters.place_of(ledger_filters.text_of(place)) == place


def test_it_exports_what_is_filtered_as_excel_and_as_csv(client, admin, platform, scene):
    sign_in(client, admin)
    answer = client.post("/ledger/export?kind=hold&format=xlsx")
    sheet = load_workbook(io.BytesIO(answer.data))["Ledger"]
    assert [cell.value for cell in sheet[1]][:3] == ["When", "Kind", "What"]
    (row,) = list(sheet.iter_rows(min_row=2))
    assert (row[0].is_date, row[2].value, row[5].value, row[6].value) == (
        True,
        "Held 30 for Spring sale",
        -30,
        970,
    )
    answer = client.post("/ledger/export?format=csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 8
    assert [row[6] for row in rows[1:]] == ["1000", "1000", "970", "970", "970", "992", "1492"]
    assert client.post("/ledger/export?format=pdf").status_code == 404


def test_a_large_ledger_is_exported_by_the_worker_for_its_admin_and_for_the_operator(
    client, admin, operator, stranger, platform, scene, run_jobs, monkeypatch
):
    monkeypatch.setattr(ledger_files, "DIRECT_ROWS", 2)
    made = sign_in(client, admin).post("/ledger/export").location
    theirs = sign_in(client, operator).post(f"/operator/platforms/{platform.id}/ledger/export").location
    run_jobs()
    for tail in ("", "/progress", "/download"):
        assert sign_in(client, operator).get(theirs + tail).status_code == 200
        assert sign_in(client, admin).get(made + tail).status_code == 200
        assert sign_in(client, stranger).get(made + tail).status_code == 404
    other = make_platform()
    wrong = theirs.replace(f"/{platform.id}/", f"/{other.id}/")
    assert sign_in(client, operator).get(wrong).status_code == 404
    answer = sign_in(client, admin).get(made + "/download")
    assert load_workbook(io.BytesIO(answer.data))["Ledger"].max_row == 8


def test_an_empty_ledger_says_what_to_do(client, admin, operator, platform):
    assert "Nothing has moved yet" in sign_in(client, admin).get("/ledger").text
    assert "Grant credits" in sign_in(client, operator).get(f"/operator/platforms/{platform.id}/ledger").text


def test_names_that_people_chose_are_shown_as_text(client, admin, platform):
    grant(platform, 10, now=NOW)
    evil = make_list(platform, "<b>VIP</b>")
    engine.assign(platform.id, {evil.id: 5}, actor=engine.Actor(None, "<i>Eve</i>"), now=NOW, key=key())
    hold(platform, make_campaign(platform, "<script>1</script>"), [(evil.id, 1)], now=NOW)
    answer = sign_in(client, admin).get("/ledger")
    assert not re.search(r"<b>VIP|<i>Eve|<script>1", answer.text)


def test_ten_thousand_lists_in_one_movement_do_not_make_a_long_line(platform, app):
    grant(platform, 10_000, now=NOW, days=2)
    lists = [make_list(platform, f"List {number:03}") for number in range(40)]
    engine.assign(platform.id, {found.id: 10 for found in lists}, actor=ADA, now=NOW, key=key())
    engine.expire_due(now=NOW + timedelta(days=3), platform_id=platform.id)
    page = movements.page_of(platform.id, Filters())
    expired, assigned = page.movements[0], page.movements[1]
    assert (len(expired.parts), len(assigned.parts)) == (12, 12)
    assert (expired.credits, expired.part_count) == (10_000, 41)
    assert assigned.change == 0


def test_a_page_costs_as_many_statements_with_one_movement_as_with_fifty(
    client, admin, platform, scene, monkeypatch
):
    sign_in(client, admin).get("/ledger")
    with round_trips(monkeypatch) as few:
        client.get("/ledger")
    for number in range(60):
        held = hold(platform, make_campaign(platform, f"C{number}"), [(scene["shop"], 1)], now=NOW)
        engine.release(held.hold_id, None, reason="x", actor=ADA, now=NOW, key=key())
    engine.purchase(
        platform.id, 1, validity_months=25, subject=engine.Subject("order", 1), actor=ADA, now=NOW, key=key()
    )
    engine.assign(platform.id, {scene["vip"]: 1}, actor=ADA, now=clock.now(), key=key())
    with round_trips(monkeypatch) as many:
        assert len(lines(client.get("/ledger"))) == 50
    assert len(many) == len(few) == 13, "\n".join(many)
