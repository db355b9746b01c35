"""The example platform: made by the real use cases, so everything about it adds up."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.conftest import dispose, make_app
from webapp import clock, config, demo
from webapp.accounts.models import Platform, User
from webapp.audience.models import Recipient
from webapp.campaigns import dispatching, starting
from webapp.campaigns.models import Campaign, Message
from webapp.credits import engine, verification
from webapp.db import db
from webapp.pricing.numbers import parse_phone
from webapp.shop.models import Order


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def example_app(committed: str, settings: config.Settings, tmp_path: Path) -> Iterator[Flask]:
    own = replace(settings, instance=tmp_path, sandbox_port=free_port())
    app = make_app(own, committed)
    with app.app_context():
        yield app
        db.session.remove()
    dispose(app)


def test_the_example_is_whole_and_its_ledger_adds_up(example_app: Flask) -> None:
    words = demo.fill()
    platform = db.session.scalars(select(Platform)).one()
    states = sorted(db.session.scalars(select(Campaign.status)))
    assert states == ["draft", *["finished"] * len(demo.CAMPAIGNS), "scheduled"]
    assert verification.verify() == ()
    spent = db.session.scalar(select(func.sum(Message.credits)).where(Message.status.not_in(["queued"])))
    balance = engine.balance(platform.id, now=clock.now())
    assert balance.available + balance.held + spent == demo.PACKAGES[2].credits + 1_000
    assert sorted(db.session.scalars(select(Order.status))) == ["paid", "pending"]
    assert "password" in words
    assert demo.how_to_sign_in(example_app.config["SETTINGS"]).read_text() == words

    with pytest.raises(demo.NotEmpty):
        demo.fill()
    assert str(demo.how_to_sign_in(example_app.config["SETTINGS"])) in demo.fill_if_empty()

    password = words.splitlines()[0].rpartition(" ")[2]
    for role in ("operator", "admin", "marketer", "viewer"):
        client = example_app.test_client()
        answer = client.post("/sign-in", data={"email": f"{role}@example.com", "password": password})
        assert answer.status_code in (302, 303), role
        home = client.get("/", follow_redirects=True)  # the operator's is the table of platforms
        assert (home.status_code, home.request.path) == (
            200,
            "/operator/platforms" if role == "operator" else "/",
        )


def test_a_worker_beside_it_finds_no_past_campaign_to_give_up(
    example_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    step = dispatching.step

    def look() -> None:
        with example_app.app_context():
            seen.extend(starting.unfinished(clock.now()))
            db.session.remove()

    def step_beside_a_worker(*args: Any, **kwargs: Any) -> dispatching.Step:
        worker = threading.Thread(target=look)  # a thread of its own: its clock is not set back
        worker.start()
        worker.join()
        return step(*args, **kwargs)

    monkeypatch.setattr(dispatching, "step", step_beside_a_worker)
    demo.fill()
    assert seen == []
    sent = select(func.count()).select_from(Message).where(Message.status == "sent")
    assert db.session.scalar(sent)


def test_every_number_is_one_kept_free_for_examples_and_a_valid_one(example_app: Flask) -> None:
    for numbers in demo.FREE_NUMBERS:
        assert all(parse_phone(number, None).e164 == number for number in numbers)
    demo.furnish("a long password")
    free = {number for numbers in demo.FREE_NUMBERS for number in numbers}
    there = {f"+{phone}" for phone in db.session.scalars(select(Recipient.phone))}
    assert there <= free
    assert len(set(db.session.scalars(select(Recipient.country)))) >= 5


def test_an_example_interrupted_while_it_is_furnished_leaves_nothing(
    example_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "keep_how_to_sign_in", fail)
    with pytest.raises(KeyboardInterrupt):
        demo.fill()
    assert db.session.scalar(select(func.count(User.id))) == 0
