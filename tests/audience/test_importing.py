"""Files into lists: what is taken, what is refused, what is never undone."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.audience.scenes import NOW, bring_in, csv_file, make_list
from webapp.accounts.models import Platform
from webapp.audience import checking, erasure, importing, recipients, snapshots, suppression, uploading
from webapp.audience.errors import ImportRefused
from webapp.audience.models import (
    DoNotContact,
    Import,
    ImportPart,
    ImportRefusal,
    Recipient,
    RecipientChunk,
)


def people(session: Session, list_id: int) -> dict[int, dict[str, str]]:
    found = session.scalars(select(Recipient).where(Recipient.list_id == list_id))
    return {each.phone: each.fields for each in found}


def test_a_file_becomes_recipients_with_country_and_fields(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    done = bring_in(
        platform,
        customers,
        csv_file(
            [
                ["Phone", "First name", "City"],
                ["+393331234567", "Ada", "Roma"],
                ["333 7654321", "Zoë", ""],
                ["+4915123456789", 'O"Neil \\ {x}', "Köln"],
                ["call me", "Nobody", ""],
                ["", "Nobody", "Bari"],
            ]
        ),
    )
    assert (done.status, done.added, done.updated, done.unchanged, done.refused) == ("done", 3, 0, 0, 2)
    assert done.rows_read == 5
    assert people(database, customers.id) == {
        393331234567: {"first_name": "Ada", "city": "Roma"},
        393337654321: {"first_name": "Zoë"},
        4915123456789: {"first_name": 'O"Neil \\ {x}', "city": "Köln"},
    }
    refused = database.scalars(select(ImportRefusal).order_by(ImportRefusal.row)).all()
    assert [(each.row, each.cells[1]) for each in refused] == [(5, "Nobody"), (6, "Nobody")]
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert loaded.phones.tolist() == [393331234567, 393337654321, 4915123456789]
    assert list(loaded.fields["first_name"]) == ["Ada", "Zoë", 'O"Neil \\ {x}']
    assert list(loaded.fields["city"]) == ["Roma", "", "Köln"]
    assert not loaded.flags.any()
    assert not database.scalars(select(RecipientChunk.id).where(RecipientChunk.dirty)).all()


def test_importing_again_updates_and_counts_what_is_the_same(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    rows = [["phone", "first_name", "city"], ["+393331234567", "Ada", "Roma"], ["+393337654321", "Bea", ""]]
    bring_in(platform, customers, csv_file(rows))
    again = [*rows[:2], ["+393337654321", "Beatrice", ""], ["+393330000001", "New", ""]]
    done = bring_in(platform, customers, csv_file(again))
    assert (done.added, done.updated, done.unchanged, done.duplicates) == (1, 1, 1, 0)
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert dict(zip(loaded.phones.tolist(), loaded.fields["first_name"], strict=True)) == {
        393331234567: "Ada",
        393337654321: "Beatrice",
        393330000001: "New",
    }


def test_columns_that_are_not_in_the_file_stay_and_empty_cells_empty_their_field(
    database: Session, platform: Platform
) -> None:
    customers = make_list(platform)
    bring_in(platform, customers, csv_file([["phone", "name", "city"], ["+393331234567", "Ada", "Roma"]]))
    emptied = csv_file([["phone", "name"], ["+393331234567", ""]])
    bring_in(platform, customers, emptied, mapping=["phone", "field:name"])
    assert people(database, customers.id) == {393331234567: {"city": "Roma"}}


def test_an_import_never_subscribes_again_who_unsubscribed(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    file = csv_file([["phone", "name"], ["+393331234567", "Ada"]])
    bring_in(platform, customers, file)
    person = database.scalars(select(Recipient)).one()
    recipients.unsubscribe(platform.id, customers.id, person.id, reason="STOP", by="reply", now=NOW)
    done = bring_in(platform, customers, csv_file([["phone", "name"], ["+393331234567", "Adele"]]))
    database.refresh(person)
    assert (person.status, person.fields, done.updated) == ("unsubscribed", {"name": "Adele"}, 1)
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert loaded.flags.tolist() == [1]


def test_an_import_does_not_bring_back_who_was_erased(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    file = csv_file([["phone", "name"], ["+393331234567", "Ada"], ["+393337654321", "Bea"]])
    bring_in(platform, customers, file)
    erasure.erase_phone(platform.id, 393331234567, by="Ada", now=NOW)
    done = bring_in(platform, customers, file)
    assert list(people(database, customers.id)) == [393337654321]
    assert (done.added, done.unchanged, done.refused) == (0, 1, 1)
    refused = database.scalars(select(ImportRefusal)).one()
    assert (refused.row, refused.phone, refused.cells) == (2, None, [])


def test_of_rows_with_one_number_the_last_counts_and_the_others_are_told(
    database: Session, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    customers = make_list(platform)
    names = ["first", "second", "third", "fourth", "last"]
    rows = [["phone", "name"], *(["+393331234567", name] for name in names), ["+393337654321", "other"]]
    done = bring_in(platform, customers, csv_file(rows))
    assert people(database, customers.id) == {393331234567: {"name": "last"}, 393337654321: {"name": "other"}}
    assert (done.rows_read, done.added, done.duplicates, done.batches) == (6, 2, 4, 3)
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert list(loaded.fields["name"]) == ["last", "other"]


@pytest.mark.parametrize("batch_rows", [1, 3, 7, 1000])
def test_what_comes_in_does_not_depend_on_how_the_file_is_cut(
    database: Session, platform: Platform, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", batch_rows)
    customers = make_list(platform)
    rows = [[f"+3933312345{place % 13:02d}", f"name {place}"] for place in range(40)]
    rows += [["wrong", "x"], ["", ""], ["+393331234500", "end"]]
    done = bring_in(platform, customers, csv_file([["phone", "name"], *rows]))
    assert (done.added, done.refused, done.duplicates, done.rows_read) == (13, 1, 28, 42)
    expected = {int(f"3933312345{place % 13:02d}"): {"name": f"name {place}"} for place in range(40)}
    expected[393331234500] = {"name": "end"}
    assert people(database, customers.id) == expected


def test_people_of_several_imports_share_chunks_and_keep_their_order(
    database: Session, platform: Platform
) -> None:
    customers = make_list(platform)
    for place in range(3):
        bring_in(platform, customers, csv_file([["phone", f"f{place}"], [f"+39333123456{place}", "x"]]))
    chunk = database.scalars(select(RecipientChunk)).one()
    assert (chunk.recipients, chunk.dirty, chunk.summary) == (3, False, {"IT": [3, 0, 0]})
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert loaded.phones.tolist() == [393331234560, 393331234561, 393331234562]
    assert {name: list(values) for name, values in loaded.fields.items()} == {
        "f0": ["x", "", ""],
        "f1": ["", "x", ""],
        "f2": ["", "", "x"],
    }
    assert np.array_equal(loaded.recipient_ids, np.sort(loaded.recipient_ids))


def test_a_file_that_breaks_in_the_middle_says_where_and_keeps_what_was_taken(
    database: Session, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 100)
    customers = make_list(platform)
    rows = [["phone", "name"], *([f"+39333{place:07d}", "Ada"] for place in range(250))]
    done = bring_in(platform, customers, csv_file(rows) + b'+393337654321,"open' + b"x" * (1 << 21))
    assert done.status == "failed"
    assert done.failure is not None
    assert "Row 252" in done.failure
    assert done.added == len(people(database, customers.id)) == 200
    assert database.scalars(select(ImportPart.number)).all() == []


def test_a_file_that_is_broken_at_its_start_is_refused_at_once(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    with pytest.raises(ImportRefused, match="Row 2 never ends"):
        bring_in(platform, customers, b'phone,name\n+393337654321,"open' + b"x" * (1 << 21))
    assert database.scalars(select(ImportPart.number)).all() == []
    assert database.scalars(select(Import.id)).all() == []


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_the_check_tells_beforehand_what_the_import_then_does(
    database: Session,
    platform: Platform,
    run_jobs: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    batch_rows: int,
) -> None:
    monkeypatch.setattr(checking, "BATCH_ROWS", batch_rows)
    customers = make_list(platform)
    bring_in(platform, customers, csv_file([["phone"], ["+393331234567"], ["+393331234568"]]))
    blocked = [393331234567, 393331234569]
    suppression.do_not_contact(platform.id, blocked, reason="asked", by="Ada", now=NOW)
    file = csv_file(
        [["phone"], *([f"+39333123456{place}"] for place in (7, 8, 9, 9)), ["nonsense"], ["+393331234569"]]
    )
    task = uploading.upload(
        platform.id, customers.id, "a.csv", io.BytesIO(file), by_id=None, by_name="Ada", now=NOW
    )
    uploading.choose_columns(platform.id, task.id, ["phone"], "IT")
    run_jobs()
    database.refresh(task)
    assert task.status == "checked"
    assert task.forecast == {
        "rows": 6,
        "refused": 1,
        "repeated": 2,
        "new": 1,
        "known": 2,
        "unsubscribed": 0,
        "do_not_contact": 2,
    }
    assert len(people(database, customers.id)) == 2
    uploading.confirm(platform.id, task.id, now=NOW)
    run_jobs()
    database.refresh(task)
    assert (task.status, task.added, task.unchanged, task.duplicates, task.refused) == ("done", 1, 2, 2, 1)


def test_an_import_into_a_list_deleted_meanwhile_stops(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    file = csv_file([["phone"], ["+393331234567"]])
    task = uploading.upload(
        platform.id, customers.id, "a.csv", io.BytesIO(file), by_id=None, by_name="Ada", now=NOW
    )
    uploading.choose_columns(platform.id, task.id, ["phone"], "IT", check=False)
    uploading.confirm(platform.id, task.id, now=NOW, enqueue=False)
    customers.deleted_at = NOW
    database.flush()
    importing.run_import(task.id, now=NOW)
    database.refresh(task)
    assert task.status == "cancelled"
    assert people(database, customers.id) == {}


def test_a_file_of_numbers_not_to_be_contacted(database: Session, platform: Platform) -> None:
    suppression.do_not_contact(platform.id, [393331234567], reason="before", by="Ada", now=NOW)
    file = csv_file([["phone"], ["333 1234567"], ["333 7654321"], ["333 7654321"], ["no"]])
    task = uploading.upload(
        platform.id,
        None,
        "stop.csv",
        io.BytesIO(file),
        by_id=None,
        by_name="Ada",
        now=NOW,
        reason="old system",
    )
    uploading.choose_columns(platform.id, task.id, ["phone"], "IT", check=False)
    uploading.confirm(platform.id, task.id, now=NOW, enqueue=False)
    importing.run_import(task.id, now=NOW)
    database.refresh(task)
    assert (task.added, task.unchanged, task.duplicates, task.refused) == (1, 1, 1, 1)
    reasons = {each.phone: each.reason for each in database.scalars(select(DoNotContact))}
    assert reasons == {393331234567: "before", 393337654321: "old system"}
