"""The fragment of the page that a marketer waits for while typing: through the whole application, warm."""

import statistics

from flask import Flask
from flask.testing import FlaskClient

from benchmarks.pricing.audiences import TEXT
from benchmarks.pricing.people import NOW, write_list
from benchmarks.pricing.results import Results, timed
from webapp import clock
from webapp.accounts.models import SignIn, User
from webapp.accounts.sessions import KEY
from webapp.campaigns import drafts
from webapp.campaigns.drafts import Draft
from webapp.credits.terms import Actor
from webapp.db import transaction

FEW = 100
KEYSTROKES = 30


def measure_fragment(results: Results, app: Flask, platform_id: int, list_ids: list[int]) -> None:
    """Each keystroke is quoted for a few people and for all, in turns: what more people add is the goal."""
    few = [write_list(platform_id, "A few", 10**9, FEW)]
    client = signed_in(app, platform_id)
    forms = {name: Form(platform_id, lists) for name, lists in (("few", few), ("all", list_ids))}
    answers: dict[str, list[float]] = {name: [] for name in forms}
    for number in range(KEYSTROKES):
        for name, form in forms.items():
            seconds = timed(lambda form=form, number=number: form.post(client, TEXT + "x" * number))
            if number:  # the first is cold
                answers[name].append(seconds * 1000)
    middle = {name: statistics.median(found) for name, found in answers.items()}
    results.add(f"quote fragment over HTTP, {FEW} people", middle["few"], "ms")
    results.add("quote fragment over HTTP, everybody", middle["all"], "ms")
    results.add("the fragment for everybody costs more by", middle["all"] - middle["few"], "ms", "at most 60")


class Form:
    """A draft to these lists, and the form in which a page asks for its price."""

    def __init__(self, platform_id: int, list_ids: list[int]) -> None:
        draft = Draft("Benchmark", "SHOP", TEXT, "", tuple(list_ids))
        actor = Actor(None, "Benchmark")
        self.campaign_id = drafts.create_draft(platform_id, draft, actor=actor, now=NOW).id
        self.list_ids = list_ids

    def post(self, client: FlaskClient, text: str) -> None:
        given = {"name": "Benchmark", "sender": "SHOP", "text": text, "lists": self.list_ids, "when": "now"}
        url = f"/campaigns/{self.campaign_id}/quote"
        answer = client.post(url, data=given, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
        assert answer.status_code == 200, answer.text
        assert "quote-facts" in answer.text, "it has no price"


def signed_in(app: Flask, platform_id: int) -> FlaskClient:
    """A client without a browser, signed in as a marketer with a session of the database."""
    app.config["WTF_CSRF_ENABLED"] = False
    now = clock.now()
    with transaction() as session:
        person = User(platform_id=platform_id, role="marketer", email="marketer@example.com", name="Marketer")
        person.password, person.active, person.fs_uniquifier = "", True, "benchmark"
        session.add(person)
        session.flush()
        started = SignIn(user_id=person.id, started_at=now, seen_at=now)
        session.add(started)
        session.flush()
        held = {"_user_id": "benchmark", "_fresh": True, "fs_paa": now.timestamp(), KEY: started.id}
    client = app.test_client()
    with client.session_transaction() as kept:
        kept.update(held)
    return client
