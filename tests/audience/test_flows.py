"""What people do on the pages of lists, as a browser without scripts does it, and as htmx does."""

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.audience.scenes import NOW, bring_in, csv_file
from tests.personas import sign_in
from webapp.accounts.models import Platform, User
from webapp.audience import recipients, suppression
from webapp.audience.errors import StaysUnsubscribed
from webapp.audience.models import DoNotContact, Import, Recipient, RecipientList

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def test_a_list_is_made_named_and_deleted(client: FlaskClient, marketer: User, database: Session) -> None:
    sign_in(client, marketer)
    assert client.post("/lists/new", data={"name": "  "}).status_code == 422
    made = client.post("/lists/new", data={"name": "Shop  customers"})
    assert made.status_code == 303
    page = client.get(made.location)
    assert "Shop customers" in page.text
    assert "Nobody is on this list yet" in page.text
    again = client.post("/lists/new", data={"name": "shop customers"})
    assert again.status_code == 422
    assert "already" in again.text
    address = made.location
    assert client.post(f"{address}/name", data={"name": "VIP"}).status_code == 303
    assert client.post(f"{address}/name", data={"name": "x" * 201}).status_code == 422
    assert "VIP" in client.get(f"{address}/delete").text
    assert client.post(f"{address}/delete").status_code == 303
    assert client.get(address).status_code == 404
    assert database.scalars(select(RecipientList.name)).all() == ["VIP"]


def test_a_person_is_added_changed_unsubscribed_and_removed(
    client: FlaskClient, marketer: User, customers: RecipientList, database: Session
) -> None:
    sign_in(client, marketer)
    new = f"/lists/{customers.id}/recipients/new"
    assert '<option selected value="IT">' in client.get(new).text
    assert client.post(new, data={"phone": ""}).status_code == 422
    wrong = client.post(
        new, data={"phone": "12", "country": "IT", "more-name-0": "city", "more-value-0": "Roma"}
    )
    assert wrong.status_code == 422
    assert 'value="city"' in wrong.text
    assert 'value="Roma"' in wrong.text
    typed = {"phone": "333 123 4567", "country": "IT", "more-name-0": "city", "more-value-0": "Roma"}
    assert client.post(new, data=typed).status_code == 303
    again = client.post(new, data=typed)
    assert (again.status_code, "on this list already" in again.text) == (422, True)
    person = database.scalars(select(Recipient)).one()
    assert (person.phone, person.country, person.fields) == (393331234567, "IT", {"city": "Roma"})
    address = f"/lists/{customers.id}/recipients/{person.id}"
    assert client.post(address, data={"field-city": "x" * 1_001}).status_code == 422
    assert client.post(address, data={"field-city": "Bari"}).status_code == 303
    assert client.post(f"{address}/unsubscribe").status_code == 303
    database.refresh(person)
    assert (person.fields, person.status, person.unsubscribed_by) == (
        {"city": "Bari"},
        "unsubscribed",
        marketer.name,
    )
    assert client.post(f"{address}/resubscribe", data={"reason": "asked"}).status_code == 422
    assert client.post(f"{address}/resubscribe", data={"reason": "asked", "agreed": "y"}).status_code == 303
    assert "asked" in client.get(address).text
    assert client.post(f"{address}/remove").status_code == 303
    assert client.get(address).status_code == 404


def test_a_value_without_the_name_of_its_field_is_refused_and_stays_in_the_form(
    client: FlaskClient, marketer: User, customers: RecipientList, ada: Recipient, database: Session
) -> None:
    sign_in(client, marketer)
    typed = {"phone": "+393331234568", "more-name-1": " ", "more-value-1": "Bari"}
    for address in (f"/lists/{customers.id}/recipients/new", f"/lists/{customers.id}/recipients/{ada.id}"):
        refused = client.post(address, data=typed)
        assert (refused.status_code, "a name" in refused.text) == (422, True)
        assert 'value="Bari"' in refused.text
    assert database.scalars(select(Recipient.phone)).all() == [ada.phone]


def test_whoever_unsubscribed_stays_on_the_list_so_that_no_import_subscribes_them_again(
    client: FlaskClient,
    marketer: User,
    platform: Platform,
    customers: RecipientList,
    ada: Recipient,
    database: Session,
) -> None:
    platform_id, list_id = customers.platform_id, customers.id
    recipients.unsubscribe(platform_id, list_id, ada.id, reason="STOP", by="reply", now=NOW)
    with pytest.raises(StaysUnsubscribed):
        recipients.remove_recipient(platform_id, list_id, ada.id)
    sign_in(client, marketer)
    address = f"/lists/{list_id}/recipients/{ada.id}"
    assert f"{address}/remove" not in client.get(address).text
    refused = client.post(f"{address}/remove", data={"csrf_token": "any"})
    assert (refused.status_code, "has unsubscribed and stays" in refused.text) == (422, True)
    assert f'value="{ada.fields["first_name"]}"' in refused.text
    bring_in(platform, customers, csv_file([["phone"], [ada.e164]]))
    assert database.scalars(select(Recipient.status)).all() == ["unsubscribed"]


def test_an_erased_person_is_added_only_deliberately(
    client: FlaskClient, admin: User, customers: RecipientList, ada: Recipient, database: Session
) -> None:
    sign_in(client, admin)
    assert client.post("/recipients/erase", data={"phone": "+393331234567"}).status_code == 422
    assert client.post("/recipients/erase", data={"phone": "", "agreed": "y"}).status_code == 422
    erased = client.post("/recipients/erase", data={"phone": "+393331234567", "agreed": "y"})
    assert erased.status_code == 303
    assert database.scalars(select(Recipient)).all() == []
    new = f"/lists/{customers.id}/recipients/new"
    refused = client.post(new, data={"phone": "+393331234567"})
    assert (refused.status_code, "asked to come back" in refused.text) == (422, True)
    assert client.post(new, data={"phone": "+393331234567", "wanted_back": "y"}).status_code == 303


def upload(client: FlaskClient, address: str, data: bytes) -> TestResponse:
    """Posts the file as a browser does."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n'
    body = head + data + b"\r\n--edge--\r\n"
    return client.post(address, data=body, content_type="multipart/form-data; boundary=edge")


def test_a_file_goes_its_whole_way_on_the_pages(
    client: FlaskClient,
    marketer: User,
    customers: RecipientList,
    database: Session,
    run_jobs: Callable[..., int],
) -> None:
    sign_in(client, marketer)
    rows = [["Telefono", "Nome"], ["333 1234567", "Ada"], ["333 7654321", "=1+1"], ["12", "=cmd|x"]]
    sent = upload(client, f"/lists/{customers.id}/import", csv_file(rows, ";", "cp1252"))
    assert sent.status_code == 303
    address = sent.location
    columns = client.get(address)
    assert "333 7654321" in columns.text
    none = client.post(f"{address}/columns", data={"use-0": "ignore", "use-1": "field", "name-1": "name"})
    assert (none.status_code, "Choose the one column" in none.text) == (422, True)
    chosen = {"use-0": "phone", "use-1": "field", "name-0": "", "name-1": "First name", "country": "IT"}
    assert client.post(f"{address}/columns", data=chosen).status_code == 303
    busy = client.get(f"{address}/progress", headers=HTMX)
    assert "every 1s" in busy.text
    assert "<html" not in busy.text
    run_jobs()
    checked = client.get(address).text
    assert "What will happen" in checked
    assert "Import 2 people" in checked
    assert database.scalars(select(Recipient)).all() == []
    assert client.post(f"{address}/confirm").status_code == 303
    run_jobs()
    assert client.post(f"{address}/confirm").status_code == 409
    assert "The import is done" in client.get(address).text
    assert "every 1s" not in client.get(f"{address}/progress", headers=HTMX).text
    found = {each.phone: each.fields for each in database.scalars(select(Recipient))}
    assert found == {393331234567: {"first_name": "Ada"}, 393337654321: {"first_name": "=1+1"}}
    lines = list(csv.reader(io.StringIO(client.get(f"{address}/refused.csv").text.lstrip("\ufeff"))))
    assert lines[0] == ["row", "reason", "Telefono", "Nome"]
    assert (lines[1][0], lines[1][2:]) == ("4", ["12", "'=cmd|x"])
    sheet = load_workbook(io.BytesIO(client.get(f"{address}/refused.xlsx").data)).active
    assert [cell.value for cell in sheet[2]][2:] == ["12", "=cmd|x"]
    assert sheet["D2"].data_type == "s"


def test_the_way_a_file_is_read_can_be_corrected(
    client: FlaskClient, marketer: User, customers: RecipientList, database: Session
) -> None:
    sign_in(client, marketer)
    sent = upload(client, f"/lists/{customers.id}/import", b"phone;a,b\n+393331234567;1,2\n")
    address = sent.location
    asked = {"delimiter": ",", "encoding": "cp1252", "header": ""}
    assert client.post(f"{address}/layout", data=asked).status_code == 303
    layout = database.scalars(select(Import)).one().layout
    assert (layout["delimiter"], layout["encoding"], layout["header_row"]) == (",", "cp1252", 0)
    assert client.post(f"{address}/withdraw").status_code == 303
    assert client.post(f"{address}/withdraw").status_code == 409
    assert "forgotten" in client.get(address).text


@pytest.mark.parametrize("data", [b"", b"\xd0\xcf\x11\xe0 old", b"PK\x03\x04 broken", b"\x00\x01\x02"])
def test_a_file_that_is_no_table_is_refused_beside_the_field(
    client: FlaskClient, marketer: User, customers: RecipientList, database: Session, data: bytes
) -> None:
    answer = upload(sign_in(client, marketer), f"/lists/{customers.id}/import", data)
    assert answer.status_code == 422
    assert database.scalars(select(Import.id)).all() == []


def test_no_file_at_all_is_422_and_one_too_large_413(
    app: Flask, client: FlaskClient, marketer: User, customers: RecipientList, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/lists/{customers.id}/import"
    assert sign_in(client, marketer).post(address, data={}).status_code == 422
    monkeypatch.setitem(app.config, "UPLOAD_MB", 1)
    too_large = upload(client, address, b"+393331234567\n" * 200_000)
    assert too_large.status_code == 413
    assert "larger than" in too_large.text
    between = upload(client, address, b"+393331234567\n" * 80_000)
    assert between.status_code == 413


def test_the_list_is_searched_paged_and_exported(
    client: FlaskClient, marketer: User, platform: Platform, customers: RecipientList
) -> None:
    rows = [["phone", "name"], *([f"+39333{place:07d}", f"name {place}"] for place in range(120))]
    bring_in(platform, customers, csv_file(rows))
    sign_in(client, marketer)
    address = f"/lists/{customers.id}"
    page = client.get(address).text
    assert "1 to 50 of 120" in page
    assert "+393330000119" in client.get(f"{address}?page=3").text
    fragment = client.get(f"{address}?q=name+77", headers=HTMX).text
    assert fragment.lstrip().startswith('<div id="people"')
    assert fragment.count("<tr>") == 2
    assert "Nobody found" in client.get(f"{address}?q=zzz").text
    assert client.get(f"{address}?q=%00&status=x&country=1&page=-3").status_code == 200
    lines = list(csv.reader(io.StringIO(client.get(f"{address}/export.csv").text.lstrip("\ufeff"))))
    assert lines[0] == ["phone", "name", "country", "status", "added", "unsubscribed"]
    assert len(lines) == 121
    assert lines[1][:4] == ["+393330000000", "name 0", "IT", "subscribed"]
    one = client.get(f"{address}/export.xlsx?q=name+77")
    sheet = load_workbook(io.BytesIO(one.data)).active
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == ["+393330000077"]


def test_what_was_exported_can_be_imported_again(
    client: FlaskClient, marketer: User, platform: Platform, customers: RecipientList
) -> None:
    rows = [["phone", "name"], ["+393331234567", "=1+1"], ["+393337654321", "-x, 'y'"]]
    bring_in(platform, customers, csv_file(rows))
    exported = sign_in(client, marketer).get(f"/lists/{customers.id}/export.csv").data
    done = bring_in(platform, customers, exported, mapping=["phone", "field:name", "", "", "", ""])
    assert (done.added, done.updated, done.unchanged, done.refused) == (0, 0, 2, 0)


def test_numbers_are_blocked_and_allowed_again_with_reasons(
    client: FlaskClient, marketer: User, database: Session, platform: Platform
) -> None:
    sign_in(client, marketer)
    typed = {"phones": "333 1234567\n\nnonsense\n+4915123456789", "country": "IT", "reason": "complained"}
    wrong = client.post("/do-not-contact", data=typed)
    assert (wrong.status_code, "nonsense" in wrong.text) == (422, True)
    assert database.scalars(select(DoNotContact)).all() == []
    typed["phones"] = "333 1234567\n+4915123456789\n+393331234567"
    assert client.post("/do-not-contact", data=typed).status_code == 303
    assert client.post("/do-not-contact", data=typed | {"reason": ""}).status_code == 422
    assert set(database.scalars(select(DoNotContact.phone))) == {393331234567, 4915123456789}
    assert "+4915123456789" in client.get("/do-not-contact?q=49151").text
    assert "No such number" in client.get("/do-not-contact?q=777").text
    assert client.post("/do-not-contact/393331234567/remove", data={}).status_code == 422
    gone = client.post("/do-not-contact/393331234567/remove", data={"reason": "asked again"})
    assert gone.status_code == 303
    assert [each.event for each in recipients.events_of(platform.id, 393331234567)] == [
        "contact_allowed",
        "do_not_contact",
    ]
    lines = client.get("/do-not-contact/export.csv").text.splitlines()
    assert len(lines) == 2


def test_a_person_is_found_by_number_on_every_list(
    client: FlaskClient, marketer: User, admin: User, ada: Recipient, platform: Platform
) -> None:
    suppression.do_not_contact(platform.id, [ada.phone], reason="x", by="x", now=NOW)
    page = sign_in(client, marketer).get("/recipients?phone=333+123+4567&country=IT").text
    assert "Shop customers" in page
    assert "on the do-not-contact list" in page
    assert "Erase on request" not in page
    assert "Erase on request" in sign_in(client, admin).get("/recipients?phone=%2B393331234567").text
    assert client.get("/recipients?phone=12&country=IT").status_code == 422
    assert client.get("/recipients?phone=333+123+4567&country=QQ").status_code == 422
