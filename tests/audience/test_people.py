"""People on lists by hand: added, changed, unsubscribed, let back, removed, erased."""

import io
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.audience.scenes import NOW, bring_in, csv_file, make_list
from tests.personas import make_platform
from webapp.accounts.models import Platform
from webapp.audience import (
    erasure,
    lists,
    recipients,
    retention,
    snapshots,
    statistics,
    summaries,
    suppression,
    uploading,
)
from webapp.audience.errors import AlreadyOnList, FieldRefused, ListGone, NameTaken, WasErased
from webapp.audience.models import (
    ConsentEvent,
    DoNotContact,
    ErasedNumber,
    Import,
    ImportPart,
    ImportRefusal,
    Recipient,
    RecipientChunk,
    RecipientColumn,
    RecipientList,
)
from webapp.audience.recipients import Filter
from webapp.credits import engine

ADA = 393331234567
ADMIN = engine.Actor(None, "Ada")
ADDED = "INSERT INTO recipient (platform_id, list_id, chunk_id, phone, country, created_at, updated_at) "


def version(session: Session, list_id: int) -> int:
    return session.scalars(select(RecipientList.version).where(RecipientList.id == list_id)).one()


def test_every_change_of_people_raises_the_version_and_keeps_the_statistics(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    platform_id, list_id = customers.platform_id, customers.id
    seen = [version(database, list_id)]

    def after(change: object) -> None:
        seen.append(version(database, list_id))
        loaded = snapshots.load_audience(platform_id, [list_id]).lists[0]
        rows = database.execute(select(Recipient.phone, Recipient.fields).order_by(Recipient.id)).all()
        assert loaded.phones.tolist() == [row.phone for row in rows]
        for name, column in loaded.fields.items():
            assert list(column) == [row.fields.get(name, "") for row in rows]
        assert not statistics.dirty_chunks(database, list_id)

    after(recipients.change_recipient(platform_id, list_id, ada.id, {"first_name": "Adele"}, now=NOW))
    after(recipients.add_recipient(platform_id, list_id, 393337654321, "IT", {"city": "Roma"}, now=NOW))
    after(recipients.unsubscribe(platform_id, list_id, ada.id, reason="STOP", by="reply", now=NOW))
    after(recipients.resubscribe(platform_id, list_id, ada.id, reason="asked", by="Ada", now=NOW))
    after(recipients.remove_recipient(platform_id, list_id, ada.id))
    assert seen == sorted(set(seen))


def test_a_change_by_plain_sql_is_seen_too(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    before = snapshots.load_audience(customers.platform_id, [customers.id]).lists[0]
    database.execute(text("""UPDATE recipient SET fields = '{"first_name": "Zoë"}'"""))
    after = snapshots.load_audience(customers.platform_id, [customers.id]).lists[0]
    assert after.version > before.version
    assert list(after.fields["first_name"]) == ["Zoë"]


def test_a_snapshot_is_kept_while_nothing_changes(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    first = snapshots.load_audience(customers.platform_id, [customers.id])
    assert snapshots.load_audience(customers.platform_id, [customers.id]).lists[0] is first.lists[0]


def test_what_was_rolled_back_is_never_answered_from_memory(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    inside = database.begin_nested()
    database.execute(text("""UPDATE recipient SET fields = '{"first_name": "Eve"}'"""))
    assert list(
        snapshots.load_audience(customers.platform_id, [customers.id]).lists[0].fields["first_name"]
    ) == ["Eve"]
    inside.rollback()
    database.execute(text("""UPDATE recipient SET fields = '{"first_name": "Bob"}'"""))
    assert list(
        snapshots.load_audience(customers.platform_id, [customers.id]).lists[0].fields["first_name"]
    ) == ["Bob"]


def test_lists_of_another_platform_or_deleted_are_not_loaded(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    with pytest.raises(snapshots.UnknownListError):
        snapshots.load_audience(make_platform().id, [customers.id])
    customers.deleted_at = NOW
    database.flush()
    with pytest.raises(snapshots.UnknownListError):
        snapshots.load_audience(customers.platform_id, [customers.id])


def test_a_number_is_on_a_list_once(database: Session, customers: RecipientList, ada: Recipient) -> None:
    with pytest.raises(AlreadyOnList):
        recipients.add_recipient(customers.platform_id, customers.id, ADA, "IT", {}, now=NOW)


@pytest.mark.parametrize("values", [{"First name": "Ada"}, {"a|b": "x"}, {"name": "x" * 1001}])
def test_fields_that_no_text_could_use_are_refused(
    database: Session, customers: RecipientList, ada: Recipient, values: dict[str, str]
) -> None:
    with pytest.raises(FieldRefused):
        recipients.change_recipient(customers.platform_id, customers.id, ada.id, values, now=NOW)


def test_unsubscribing_and_coming_back_leave_a_record(
    database: Session, customers: RecipientList, ada: Recipient
) -> None:
    where = (customers.platform_id, customers.id, ada.id)
    assert recipients.unsubscribe(*where, reason="STOP", by="reply", now=NOW)
    assert not recipients.unsubscribe(*where, reason="STOP", by="reply", now=NOW)
    assert recipients.resubscribe(*where, reason="asked on the phone", by="Ada", now=NOW + timedelta(days=1))
    events = recipients.events_of(customers.platform_id, ADA)
    assert [(each.event, each.reason, each.by_name) for each in events] == [
        ("resubscribed", "asked on the phone", "Ada"),
        ("unsubscribed", "STOP", "reply"),
    ]


def test_a_number_unsubscribes_from_every_list_of_its_platform_only(
    database: Session, platform: Platform
) -> None:
    other = make_platform()
    mine = [make_list(platform, name) for name in ("A", "B")]
    theirs = make_list(other, "A")
    for each in (*mine, theirs):
        recipients.add_recipient(each.platform_id, each.id, ADA, "IT", {}, now=NOW)
    assert recipients.unsubscribe_number(platform.id, ADA, reason="STOP", by="reply", now=NOW) == 2
    found = {each.list_id: each.status for each in database.scalars(select(Recipient))}
    assert found == {mine[0].id: "unsubscribed", mine[1].id: "unsubscribed", theirs.id: "subscribed"}


def test_search_finds_parts_of_numbers_and_values_and_takes_signs_literally(
    database: Session, platform: Platform, customers: RecipientList
) -> None:
    rows = [
        ["phone", "name"],
        ["+393331234567", "Ada"],
        ["+393337654321", "100%"],
        ["+4915123456789", 'O"Neil\\x'],
        ["+447400123456", "under_score"],
    ]
    bring_in(platform, customers, csv_file(rows))

    def found(**wanted: str) -> list[int]:
        query = recipients.matching(customers.id, Filter(**wanted))
        return [each.phone for each in database.scalars(query)]

    assert found(text="ada") == [393331234567]
    assert found(text="+39 333 123") == [393331234567]
    assert found(text="0039333") == [393331234567, 393337654321]
    assert found(text="%") == [393337654321]
    assert found(text="_") == [447400123456]
    assert found(text='"neil\\') == [4915123456789]
    assert found(text="name") == []
    assert found(country="DE") == [4915123456789]
    assert found(country="DE", text="ada") == []
    assert found(status="unsubscribed") == []


def test_the_numbers_of_a_list_add_up_whether_chunks_are_packed_or_not(
    database: Session, platform: Platform, customers: RecipientList
) -> None:
    bring_in(
        platform, customers, csv_file([["phone"], ["+393331234567"], ["+393337654321"], ["+4915123456789"]])
    )
    person = database.scalars(select(Recipient).order_by(Recipient.id)).first()
    assert person
    recipients.unsubscribe(platform.id, customers.id, person.id, reason="x", by="x", now=NOW)
    packed = summaries.people_of(database, [customers.id])[customers.id]
    assert (packed.subscribed, packed.unsubscribed, packed.total) == (2, 1, 3)
    assert packed.countries == (("DE", 1), ("IT", 1))
    database.execute(text("UPDATE recipient_chunk SET dirty = true"))
    assert summaries.people_of(database, [customers.id])[customers.id] == packed
    suppression.do_not_contact(platform.id, [393337654321, 393331234567], reason="x", by="x", now=NOW)
    assert summaries.do_not_contact_on(database, platform.id, customers.id) == 1


def test_a_platform_has_a_list_name_once_until_it_is_deleted(database: Session, platform: Platform) -> None:
    first = make_list(platform, "VIP")
    with pytest.raises(NameTaken):
        make_list(platform, " vip ")
    make_list(make_platform(), "VIP")
    lists.delete_list(platform.id, first.id, actor=ADMIN, now=NOW)
    make_list(platform, "VIP")
    with pytest.raises(ListGone):
        lists.rename_list(platform.id, first.id, "Other")


def test_a_deleted_list_gives_its_credits_back_and_keeps_its_name(
    database: Session, platform: Platform, customers: RecipientList, ada: Recipient, run_jobs: object
) -> None:
    engine.grant(platform.id, 100, expires_on=None, reason="start", actor=ADMIN, now=NOW, key="g")
    engine.assign(platform.id, {customers.id: 60}, actor=ADMIN, now=NOW, key="a")
    done = lists.delete_list(platform.id, customers.id, actor=ADMIN, now=NOW)
    assert (done.name, done.credits_returned, done.credits_held) == ("Shop customers", 60, 0)
    assert engine.balance(platform.id, now=NOW).unassigned == 100
    run_jobs()  # type: ignore[operator]
    for table in (Recipient, RecipientChunk, RecipientColumn):
        assert database.scalar(select(func.count()).select_from(table)) == 0
    assert database.get_one(RecipientList, customers.id).name == "Shop customers"


def test_people_of_a_deleted_list_stay_while_a_campaign_holds_credits_for_it(
    database: Session, platform: Platform, customers: RecipientList, ada: Recipient, run_jobs: object
) -> None:
    engine.grant(platform.id, 100, expires_on=None, reason="start", actor=ADMIN, now=NOW, key="g")
    hold = engine.place_hold(
        platform.id,
        [engine.Demand(customers.id, 10)],
        send_at=NOW + timedelta(hours=1),
        subject=engine.Subject("campaign", 1),
        label="Spring",
        actor=ADMIN,
        now=NOW,
        key="h",
    )
    assert lists.delete_list(platform.id, customers.id, actor=ADMIN, now=NOW).credits_held == 10
    run_jobs()  # type: ignore[operator]
    assert database.scalar(select(func.count()).select_from(Recipient)) == 1
    engine.release(hold.hold_id, None, reason="cancelled", actor=ADMIN, now=NOW, key="r")
    assert lists.remove_recipients(customers.id)
    assert database.scalar(select(func.count()).select_from(Recipient)) == 0


def everything(session: Session) -> str:
    """Every row of every table of lists and imports."""
    tables = (
        "recipient", "recipient_chunk", "recipient_column", "do_not_contact", "consent_event",
        "erased_number", "import", "import_part", "import_refusal", "procrastinate_jobs",
    )  # fmt: skip
    rows = [session.execute(text(f"SELECT {name}::text FROM {name}")).scalars().all() for name in tables]
    return "\n".join(row for found in rows for row in found)


def test_an_erased_person_is_nowhere_any_more(
    database: Session, platform: Platform, customers: RecipientList, run_jobs: object
) -> None:
    rows = [
        ["phone", "name"],
        ["+393331234567", "Adalovelace"],
        ["+393337654321", "Bea"],
        ["333 1234567", "x" * 1_001],
        ["0333.1234567 nonsense", "Adalovelace"],
    ]
    bring_in(platform, customers, csv_file(rows))
    person = recipients.find(database, customers.id, ADA)
    assert person
    recipients.unsubscribe(platform.id, customers.id, person.id, reason="STOP", by="reply", now=NOW)
    suppression.do_not_contact(platform.id, [ADA], reason="asked", by="Ada", now=NOW)
    waiting = waiting_import(platform, customers, csv_file(rows))
    elsewhere: list[tuple[int, int]] = []
    erasure.also_erase(remember := lambda *asked: elsewhere.append(asked) or 1)  # type: ignore[func-returns-value]
    try:
        done = erasure.erase_phone(platform.id, ADA, by="Ada", now=NOW)
    finally:
        erasure.erasers.remove(remember)
    assert (done.lists, done.files_searched, elsewhere) == (1, 1, [(platform.id, ADA)])
    run_jobs()  # type: ignore[operator]
    database.expire_all()
    assert database.get_one(Import, waiting).status == "cancelled"
    left = everything(database)
    assert "3331234567" not in left
    assert "Adalovelace" not in left
    assert (393331234567).to_bytes(8, "little").hex() not in left
    assert b"Adalovelace".hex() not in left
    assert "393337654321" in left
    assert suppression.is_blocked(platform.id, ADA) == "erased"
    assert len(database.scalars(select(ErasedNumber)).all()) == 1


def waiting_import(platform: Platform, into: RecipientList, data: bytes) -> int:
    task = uploading.upload(
        platform.id, into.id, "waiting.csv", io.BytesIO(data), by_id=None, by_name="Bea", now=NOW
    )
    return task.id


def test_a_waiting_file_without_the_number_is_kept(
    database: Session, platform: Platform, customers: RecipientList, run_jobs: object
) -> None:
    waiting = waiting_import(platform, customers, csv_file([["phone"], ["+393337654321"]]))
    erasure.erase_phone(platform.id, ADA, by="Ada", now=NOW)
    run_jobs()  # type: ignore[operator]
    database.expire_all()
    assert database.get_one(Import, waiting).status == "uploaded"
    assert database.scalars(select(ImportPart.number)).all() == [0]


def test_erasing_on_one_platform_leaves_the_others_alone(database: Session, platform: Platform) -> None:
    other = make_platform()
    for each in (platform, other):
        where = make_list(each, "A")
        recipients.add_recipient(each.id, where.id, ADA, "IT", {}, now=NOW)
    erasure.erase_phone(platform.id, ADA, by="Ada", now=NOW)
    assert [each.platform_id for each in database.scalars(select(Recipient))] == [other.id]
    assert suppression.is_blocked(other.id, ADA) is None


def test_who_was_erased_comes_back_only_by_their_own_wish(
    database: Session, platform: Platform, customers: RecipientList, ada: Recipient
) -> None:
    erasure.erase_phone(platform.id, ADA, by="Ada", now=NOW)
    with pytest.raises(WasErased):
        recipients.add_recipient(platform.id, customers.id, ADA, "IT", {}, now=NOW)
    recipients.add_recipient(platform.id, customers.id, ADA, "IT", {}, now=NOW, wanted_back=True)
    assert suppression.is_blocked(platform.id, ADA) is None


def test_an_erased_number_is_known_under_a_secret_that_was_replaced(
    app: Flask, database: Session, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure.erase_phone(platform.id, ADA, by="Ada", now=NOW)
    old = app.config["SECRET_KEY"]
    monkeypatch.setitem(app.config, "SECRET_KEY", "another secret altogether")
    assert suppression.is_blocked(platform.id, ADA) is None
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [old])
    assert suppression.is_blocked(platform.id, ADA) == "erased"


def test_the_do_not_contact_list_is_loaded_sorted_and_anew_after_a_change(
    database: Session, platform: Platform, customers: RecipientList
) -> None:
    assert snapshots.load_audience(platform.id, [customers.id]).do_not_contact.tolist() == []
    suppression.do_not_contact(platform.id, [9, 3, 3], reason="x", by="x", now=NOW)
    assert snapshots.load_audience(platform.id, [customers.id]).do_not_contact.tolist() == [3, 9]
    assert suppression.do_not_contact(platform.id, [3, 5], reason="x", by="x", now=NOW) == 1
    assert suppression.allow_contact(platform.id, 9, reason="x", by="x", now=NOW)
    assert not suppression.allow_contact(platform.id, 9, reason="x", by="x", now=NOW)
    assert snapshots.load_audience(platform.id, [customers.id]).do_not_contact.tolist() == [3, 5]
    events = database.scalars(select(ConsentEvent.event).order_by(ConsentEvent.id)).all()
    assert sorted(events[:2]) == ["do_not_contact"] * 2
    assert events[2:] == ["do_not_contact", "contact_allowed"]
    assert len(database.scalars(select(DoNotContact)).all()) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM recipient_list",
        "DELETE FROM recipient_chunk",
        "UPDATE recipient SET phone = phone + 1",
        "UPDATE recipient SET chunk_id = chunk_id + 1",
        "UPDATE recipient SET platform_id = platform_id + 1",
        "UPDATE recipient SET status = 'gone'",
        "UPDATE recipient SET status = 'unsubscribed'",
        "UPDATE recipient SET country = 'ita'",
        "UPDATE recipient_list SET name = ''",
        ADDED + "SELECT platform_id, list_id + 1, chunk_id, 5, 'IT', now(), now() FROM recipient",
        ADDED + "SELECT platform_id, list_id, chunk_id, 0, 'IT', now(), now() FROM recipient",
    ],
)
def test_the_database_keeps_the_rules_by_itself(database: Session, ada: Recipient, statement: str) -> None:
    with pytest.raises(IntegrityError), database.begin_nested():
        database.execute(text(statement))


def test_uploads_nobody_confirmed_and_old_refusals_are_forgotten(
    database: Session, platform: Platform, customers: RecipientList
) -> None:
    file = csv_file([["phone"], ["nonsense"], ["+393331234567"]])
    done = bring_in(platform, customers, file)
    waiting = waiting_import(platform, customers, file)
    retention.forget_old(now=NOW + timedelta(days=6))
    assert database.scalars(select(ImportPart.import_id)).all() == [waiting]
    retention.forget_old(now=NOW + timedelta(days=8))
    assert database.scalars(select(ImportPart.import_id)).all() == []
    database.expire_all()
    assert database.get_one(Import, waiting).status == "cancelled"
    assert database.scalars(select(ImportRefusal.import_id)).all() == [done.id]
    retention.forget_old(now=NOW + timedelta(days=91))
    assert database.scalars(select(ImportRefusal.import_id)).all() == []
