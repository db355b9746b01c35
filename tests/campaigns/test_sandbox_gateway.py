"""The sandbox behaves like a gateway one has to live with."""

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.campaigns.gateways.api import (
    Accepted,
    AnswerLost,
    BadReports,
    Declined,
    GatewayAway,
    Outgoing,
)
from webapp.campaigns.gateways.sandbox.chances import chance
from webapp.campaigns.gateways.sandbox.client import SandboxGateway
from webapp.campaigns.gateways.sandbox.receipts import ReceiptSender, payload
from webapp.campaigns.gateways.signing import HEADER, is_signed, signature
from webapp.campaigns.settings import Mischief

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def outgoing(count, start=1, text="Hello"):
    return [
        Outgoing(f"run-{n}", f"+39333{n:07d}", "SHOP", text, "GSM-7", 1) for n in range(start, start + count)
    ]


def test_a_message_is_kept_whole_and_accepted(sending, serving):
    sandbox = serving(settings := sending())
    sent = outgoing(1, text="Zoë <b>pays</b> €5 👍")
    assert isinstance(SandboxGateway(settings).submit(sent)["run-1"], Accepted)
    (kept,) = sandbox.store.newest()
    assert (kept.phone, kept.text, kept.segments) == ("+393330000001", "Zoë <b>pays</b> €5 👍", 1)


def test_the_same_message_offered_again_is_kept_once_with_the_same_answer(sending, serving):
    sandbox = serving(settings := sending())
    gateway = SandboxGateway(settings)
    first = gateway.submit(outgoing(3))
    again = gateway.submit(outgoing(3, text="Another text"))
    assert again == first
    assert [kept.text for kept in sandbox.store.newest()] == ["Hello"] * 3
    assert [kept.offered for kept in sandbox.store.newest()] == [2, 2, 2]


def test_it_can_be_asked_and_leaves_out_what_it_never_saw(sending, serving):
    serving(settings := sending())
    gateway = SandboxGateway(settings)
    taken = gateway.submit(outgoing(2))
    assert gateway.ask(["run-1", "run-2", "run-99"]) == taken


def test_its_memory_outlives_the_process(sending, serving):
    first = serving(settings := sending())
    SandboxGateway(settings).submit(outgoing(2))
    first.shutdown()
    other = sending(store=settings.store)
    serving(other)
    assert set(SandboxGateway(other).ask(["run-1", "run-2"])) == {"run-1", "run-2"}


def test_the_share_refused_follows_the_setting_and_the_seed(sending, serving):
    serving(settings := sending(Mischief(refused_share=0.2, seed="s")))
    outcomes = SandboxGateway(settings).submit(outgoing(1000))
    refused = {reference for reference, outcome in outcomes.items() if isinstance(outcome, Declined)}
    assert 150 < len(refused) < 250
    assert refused == {f"run-{n}" for n in range(1, 1001) if chance("s", "refused", f"run-{n}") < 0.2}


def test_a_lost_answer_means_taken_but_not_told(sending, serving):
    sandbox = serving(settings := sending(Mischief(lost_answer_share=1.0)))
    with pytest.raises(AnswerLost):
        SandboxGateway(settings).submit(outgoing(2))
    assert len(sandbox.store.newest()) == 2


def test_an_answer_is_lost_per_attempt_so_that_one_gets_through_in_the_end(sending, serving):
    serving(settings := sending(Mischief(lost_answer_share=0.5)))
    for _ in range(50):
        try:
            assert SandboxGateway(settings).submit(outgoing(1))
            break
        except AnswerLost:
            continue
    else:
        pytest.fail("no answer in fifty attempts")


def test_an_answer_slower_than_our_patience_is_a_lost_one(sending, serving):
    serving(settings := sending(Mischief(answer_delay_s=0.5), timeout_s=0.1))
    with pytest.raises(AnswerLost):
        SandboxGateway(settings).submit(outgoing(1))


def test_a_gateway_that_is_not_there_took_nothing(sending):
    with pytest.raises(GatewayAway):
        SandboxGateway(sending()).submit(outgoing(1))


def test_a_wrong_key_takes_nothing(sending, serving):
    sandbox = serving(settings := sending())
    other = sending(url=settings.url, key="wrong")
    with pytest.raises(GatewayAway, match="401"):
        SandboxGateway(other).submit(outgoing(1))
    assert sandbox.store.newest() == []


def one_message(**wrong):
    message = {"sender": "", "text": "x", "encoding": "", "segments": 1, **wrong}
    return json.dumps({"messages": [message]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"messages": [{}]}',
        b'{"messages": 5}',
        one_message(reference="", phone="+39"),
        one_message(reference="a", phone=5),
    ],
)
def test_what_was_not_agreed_is_refused_whole(sending, serving, body):
    sandbox = serving(settings := sending())
    connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=5)
    connection.request("POST", "/messages", body, {"Authorization": f"Bearer {settings.key}"})
    assert connection.getresponse().status == 400
    assert sandbox.store.newest() == []
    connection.close()


def fetch(settings, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=5)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def test_the_inbox_shows_texts_as_text(sending, serving):
    serving(settings := sending())
    SandboxGateway(settings).submit(outgoing(1, text="<script>alert(1)</script>"))
    status, body = fetch(settings, "/")
    assert status == 200
    assert "&lt;script&gt;" in body
    assert "<script" not in body


def test_the_inbox_pages_and_finds_a_number(sending, serving):
    serving(settings := sending())
    SandboxGateway(settings).submit(outgoing(60))
    _, newest = fetch(settings, "/")
    assert newest.count("<article>") == 50
    assert "before=11" in newest
    _, older = fetch(settings, "/?before=11")
    assert older.count("<article>") == 10
    _, found = fetch(settings, "/?phone=%2B39%203330000007")
    assert found.count("<article>") == 1


def test_the_inbox_answers_to_its_own_name_only(sending, serving):
    serving(settings := sending())
    assert fetch(settings, "/", Host="rebound.example")[0] == 421


@contextmanager
def application(status=200) -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """A stand-in for our endpoint that keeps what is posted to it."""
    posted: list[tuple[bytes, str]] = []

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append((self.rfile.read(int(self.headers["Content-Length"])), self.headers[HEADER]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/receipts", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_receipts_are_posted_signed_and_once_when_taken(sending, serving):
    with application() as (url, posted):
        sandbox = serving(
            settings := sending(Mischief(receipt_delay_s=0, failed_share=0.5), receipts_url=url)
        )
        SandboxGateway(settings).submit(outgoing(40))
        sender = ReceiptSender(sandbox.store, settings)
        sender.send_some()
        sender.send_some()
    ((body, header),) = posted
    reports = SandboxGateway(settings).reports(body, {HEADER: header}, datetime.now(UTC))
    assert {report.reference for report in reports} == {f"run-{n}" for n in range(1, 41)}
    assert {report.status for report in reports} == {"delivered", "failed"}


def test_receipts_nobody_took_come_again_later(sending, serving):
    with application(status=500) as (url, posted):
        sandbox = serving(settings := sending(receipts_url=url))
        SandboxGateway(settings).submit(outgoing(1))
        ReceiptSender(sandbox.store, settings).send_some()
    (kept,) = sandbox.store.newest()
    assert kept.receipt_taken_at is None
    assert kept.receipt_tries == 1
    assert kept.receipt_due_at > kept.ended_at
    assert len(posted) == 1


def test_a_refused_message_has_no_receipt(sending, serving):
    sandbox = serving(settings := sending(Mischief(refused_share=1.0, receipt_delay_s=0)))
    SandboxGateway(settings).submit(outgoing(3))
    assert sandbox.store.due(1e12, 10) == []


@given(body=st.binary(), other=st.binary(), key=st.text(min_size=1))
def test_a_signature_fits_its_body_only(body, other, key):
    signed = signature(body, key, int(NOW.timestamp()))
    assert is_signed(body, signed, key, NOW)
    assert is_signed(other, signed, key, NOW) == (body == other)
    assert not is_signed(body, signed, key + "x", NOW)


def test_an_old_signature_is_not_believed(sending):
    settings = sending()
    body = payload([])
    headers = {HEADER: signature(body, settings.key, int(NOW.timestamp()))}
    assert SandboxGateway(settings).reports(body, headers, NOW + timedelta(seconds=299)) == []
    with pytest.raises(BadReports):
        SandboxGateway(settings).reports(body, headers, NOW + timedelta(seconds=301))


@given(header=st.text())
def test_any_nonsense_is_no_signature(header):
    assert not is_signed(b"{}", header, "key", NOW)


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense",
        b"{}",
        b'{"receipts": 5}',
        b'{"receipts": [5]}',
        b'{"receipts": [{"reference": "a", "key": "k", "status": "exploded", "at": 1}]}',
        b'{"receipts": [{"reference": "a", "key": "k", "status": "delivered", "at": "soon"}]}',
        b'{"receipts": [{"reference": "a", "key": "k", "status": "delivered", "at": 1e300}]}',
        b'{"receipts": [{"reference": "a", "key": "k", "status": "delivered", "at": NaN}]}',
    ],
)
def test_signed_nonsense_is_refused_too(sending, content):
    settings = sending()
    headers = {HEADER: signature(content, settings.key, int(NOW.timestamp()))}
    with pytest.raises(BadReports):
        SandboxGateway(settings).reports(content, headers, NOW)


def test_a_report_carries_what_the_gateway_said(sending):
    settings = sending()
    receipt = {"reference": "a", "key": "k", "status": "failed", "detail": "off\0", "at": NOW.timestamp()}
    body = json.dumps({"receipts": [receipt]}).encode()
    headers = {HEADER: signature(body, settings.key, int(NOW.timestamp()))}
    (report,) = SandboxGateway(settings).reports(body, headers, NOW)
    assert (report.detail, report.happened_at) == ("off", NOW)
