"""Files of reports: read back as Excel would, small ones at once, large ones by the worker."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from tests.personas import make_person, sign_in
from tests.reports.scenes import HTMX, grant, make_list, send
from webapp import clock
from webapp.audience import erasure
from webapp.db import db, transaction
from webapp.reports import exports, jobs
from webapp.reports.models import Export, ExportPart
from webapp.reports.views import files

NOW = datetime.now(UTC)


@pytest.fixture
def scene(platform):
    grant(platform, 10_000, now=NOW - timedelta(days=9))
    shop = make_list(platform, "=cmd|' /C calc'!A0")
    spring = send(platform, "+Spring\x07 sale", [(shop, "IT", 12, 2, 2), (None, "DE", 3, 1, 1)], now=NOW)
    return {"shop": shop.id, "spring": spring.id}


@pytest.fixture
def large(monkeypatch):
    """Every file of more than one row is a large one."""
    monkeypatch.setattr(files, "DIRECT_ROWS", 1)


def workbook(answer):
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return load_workbook(io.BytesIO(answer.data))


def cells(sheet):
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


def fetched(client, run_jobs, url):
    """The file of a report that is made by the worker."""
    made = client.post(url)
    assert made.status_code == 303
    run_jobs()
    return client.get(made.location + "/download")


def test_the_file_of_all_lists_has_lists_days_countries_and_details_as_numbers_and_days(
    client, viewer, scene
):
    book = workbook(sign_in(client, viewer).get("/reports/export?days=7"))
    assert book.sheetnames == ["Lists", "Days", "Countries", "Details", "About"]
    name = "=cmd|' /C calc'!A0"
    assert cells(book["Lists"])[1:] == [(name, 12, 24, 48), ("No list", 3, 3, 3)]
    assert book["Lists"]["A2"].data_type == "s"
    day = book["Days"]["A2"]
    assert (day.is_date, day.number_format) == (True, "yyyy-mm-dd")
    assert cells(book["Days"])[1][1:] == (15, 27, 51)
    assert cells(book["Countries"])[1:] == [("Italy", "IT", 12, 24, 48), ("Germany", "DE", 3, 3, 3)]
    assert [row[1:] for row in cells(book["Details"])[1:]] == [
        ("No list", "+Spring sale", "Germany", "DE", 3, 3, 3),
        (name, "+Spring sale", "Italy", "IT", 12, 24, 48),
    ]
    assert ("Credits", 51) in cells(book["About"])


def test_the_file_of_a_list_has_its_campaigns(client, viewer, scene):
    book = workbook(sign_in(client, viewer).get(f"/reports/export?list={scene['shop']}"))
    assert book.sheetnames[0] == "Campaigns"
    assert cells(book["Campaigns"])[1:] == [("+Spring sale", 12, 24, 48)]


def test_the_file_of_a_campaign_has_its_messages_and_sums_made_of_them(client, viewer, scene):
    url = f"/reports/export?list={scene['shop']}&campaign={scene['spring']}&days=30"
    book = workbook(sign_in(client, viewer).get(url))
    assert book.sheetnames == ["Messages", "Days", "Countries", "About"]
    rows = cells(book["Messages"])
    assert len(rows) == 13
    charged, number, *_ = book["Messages"][2]
    assert (charged.is_date, number.data_type) == (True, "s")
    assert number.value.startswith("+39")
    assert sum(row[7] for row in rows[1:]) == 48 == cells(book["Countries"])[1][4]


def test_a_file_is_named_for_what_it_holds_and_needs_no_worker_when_small(client, viewer, scene):
    answer = sign_in(client, viewer).get("/reports/export?from=2026-01-01&to=2026-01-31")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "2026-01-01-2026-01-31.xlsx" in answer.headers["Content-Disposition"]
    assert cells(workbook(answer)["Lists"]) == [("List", "Messages", "Parts", "Credits")]
    assert db.session.scalar(select(func.count()).select_from(Export)) == 0


def test_a_large_file_is_offered_to_be_made_in_the_background(client, viewer, scene, large):
    sign_in(client, viewer)
    answer = client.get("/reports/export?days=7")
    assert "made in the background" in answer.text
    action = re.search(r'action="(/reports/export[^"]+)"', answer.text)
    assert action and "days=7" in action[1]


def test_a_large_file_is_made_by_the_worker_shows_how_far_it_is_and_is_the_same(
    client, viewer, scene, large, run_jobs
):
    sign_in(client, viewer)
    made = client.post(f"/reports/export?list={scene['shop']}&campaign={scene['spring']}")
    assert made.status_code == 303
    page = client.get(made.location)
    assert "waiting for a worker" in page.text
    assert 'hx-trigger="every 1s"' in page.text
    assert client.get(made.location + "/download").status_code == 303
    run_jobs()
    fragment = client.get(made.location + "/progress", headers=HTMX)
    assert fragment.text.lstrip().startswith('<section id="export-file"')
    assert "hx-trigger" not in fragment.text
    assert "Download" in fragment.text
    answer = client.get(made.location + "/download")
    assert len(cells(workbook(answer)["Messages"])) == 13
    assert answer.content_length == len(answer.data)


def test_the_page_of_a_running_file_shows_a_bar(client, viewer, platform, scene):
    export = stored(platform, status="running", rows_done=40, rows_total=100)
    answer = sign_in(client, viewer).get(f"/reports/files/{export.id}")
    assert '<progress class="bar" max="100" value="40"' in answer.text
    assert "40 of 100 rows" in answer.text


def stored(platform, **values):
    given = {
        "platform_id": platform.id,
        "kind": "usage",
        "scope": exports.to_json(exports.Scope(platform.id, NOW.date() - timedelta(days=300), NOW.date())),
        "title": "all lists",
        "file_name": "usage.xlsx",
        "by_name": "Ada",
        "language": "en",
        "created_at": NOW,
        "delete_at": NOW + timedelta(days=7),
    }
    with transaction() as session:
        export = Export(**(given | values))
        session.add(export)
        session.flush()
        return export


def test_a_file_belongs_to_its_platform(client, viewer, stranger, operator, scene, large, run_jobs):
    made = sign_in(client, viewer).post("/reports/export?days=7").location
    run_jobs()
    for tail in ("", "/progress", "/download"):
        assert client.get(made + tail).status_code == 200
    sign_in(client, stranger)
    for tail in ("", "/progress", "/download"):
        assert client.get(made + tail).status_code == 404
    assert sign_in(client, operator).get(made).status_code == 403
    assert sign_in(client, None).get(made).status_code == 303
    for number in ("0", "9" * 18, "9" * 40, "-1", "x"):
        assert sign_in(client, viewer).get(f"/reports/files/{number}").status_code == 404


def test_the_file_of_the_ledger_is_for_admins(client, platform, viewer, marketer, admin):
    export = stored(platform, kind="ledger", status="failed", finished_at=NOW)
    for person, status in ((viewer, 404), (marketer, 404), (admin, 200)):
        assert sign_in(client, person).get(f"/reports/files/{export.id}").status_code == status


def test_a_worker_killed_in_the_middle_leaves_no_half_file(platform, scene):
    export = stored(platform, status="running", rows_done=3)
    db.session.add(ExportPart(export_id=export.id, number=0, data=b"half of it"))
    db.session.flush()
    jobs.make_file(export_id=export.id)
    now = db.session.get_one(Export, export.id)
    assert (now.status, now.finished_at is not None) == ("ready", True)
    whole = b"".join(exports.parts(export.id))
    assert load_workbook(io.BytesIO(whole)).sheetnames[0] == "Lists"
    assert now.file_bytes == len(whole)


def test_a_file_made_twice_is_kept_once(platform, scene):
    export = stored(platform)
    jobs.make_file(export_id=export.id)
    whole = b"".join(exports.parts(export.id))
    jobs.make_file(export_id=export.id)
    assert b"".join(exports.parts(export.id)) == whole


def test_a_file_in_many_pieces_is_whole(platform, scene, monkeypatch):
    monkeypatch.setattr(exports, "PART_BYTES", 100)
    export = stored(platform)
    jobs.make_file(export_id=export.id)
    pieces = list(exports.parts(export.id))
    assert len(pieces) > 10
    assert load_workbook(io.BytesIO(b"".join(pieces)))["Lists"].max_row == 3


def test_a_file_that_cannot_be_made_says_so(client, viewer, platform, scene, monkeypatch):
    export = stored(platform)
    monkeypatch.setattr(exports, "usage_sheets", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        jobs.make_file(export_id=export.id)
    assert "could not be made" in sign_in(client, viewer).get(f"/reports/files/{export.id}").text


def test_a_file_that_was_deleted_meanwhile_is_not_made(platform):
    jobs.make_file(export_id=123_456)
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 0


def test_files_are_cleaned_up_after_a_week_with_their_pieces(client, viewer, platform, scene):
    old = stored(platform, delete_at=NOW - timedelta(seconds=1))
    young = stored(platform)
    jobs.make_file(export_id=old.id)
    jobs.make_file(export_id=young.id)
    assert sign_in(client, viewer).get(f"/reports/files/{old.id}/download").status_code == 404
    assert exports.clean_up(now=clock.now()) == 1
    assert db.session.scalars(select(ExportPart.export_id)).unique().all() == [young.id]


def test_a_file_speaks_the_language_of_who_asked(client, platform, scene, large, run_jobs):
    person = make_person(platform, "viewer", language="it")
    made = sign_in(client, person).post("/reports/export?days=7").location
    run_jobs()
    export = db.session.scalars(select(Export)).one()
    assert (export.language, export.status) == ("it", "ready")
    countries = cells(workbook(client.get(made + "/download")).worksheets[2])
    assert countries[1][0] == "Italia"


def test_erasing_a_person_deletes_the_platforms_files_and_nobody_elses(platform, stranger, scene):
    ready, waiting, other = stored(platform).id, stored(platform).id, stored(stranger.platform).id
    jobs.make_file(export_id=ready)
    erasure.erase_phone(platform.id, 393331234567, by="Ada", now=NOW)
    left = db.session.scalars(select(Export.id)).all()
    assert left == [other]
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 0
    jobs.make_file(export_id=waiting)
    assert db.session.scalars(select(Export.id)).all() == [other]


def test_a_file_whose_platform_erased_somebody_while_it_was_made_is_not_kept(platform, scene, monkeypatch):
    export = stored(platform)
    write = exports.write_order

    def erased_meanwhile(*arguments, **named):
        rows = write(*arguments, **named)
        erasure.erase_phone(platform.id, 393331234567, by="Ada", now=NOW)
        return rows

    monkeypatch.setattr(exports, "write_order", erased_meanwhile)
    jobs.make_file(export_id=export.id)
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 0
