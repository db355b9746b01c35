"""What the benches of the ledger are played on: platforms with lots, lists and live holds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask
from flask_babel import Babel
from flask_migrate import Migrate
from sqlalchemy import text

from webapp.credits import engine
from webapp.credits.engine import SYSTEM, Charge, Demand, Subject
from webapp.db import db

NOW = datetime(2027, 3, 2, 9, 0, tzinfo=UTC)
HOLDS = 64
PLENTY = 10**12


@contextmanager
def connected(url: str) -> Iterator[Flask]:
    app = Flask("bench")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    Babel(app)
    Migrate(app, db)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@dataclass(frozen=True)
class Scene:
    """One hot platform with its lists, lots and live holds."""

    platform: int
    lists: tuple[int, ...]
    holds: tuple[int, ...]


def stage(lots: int = 3, lists: int = 4, holds: int = HOLDS) -> Scene:
    """Commits a scene; the first list is limited, the others free."""
    name = f"Bench {time.monotonic_ns()}"
    platform = scalar("INSERT INTO platform (name) VALUES (:name) RETURNING id", name=name)
    columns = "INSERT INTO recipient_list (platform_id, name, created_at)"
    row = f"{columns} VALUES (:p, :n, '2020-01-01Z') RETURNING id"
    made = tuple(scalar(row, p=platform, n=f"List {n}") for n in range(lists))
    given: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
    for lot in range(lots):
        day = date(2030, 1, 1) + timedelta(days=lot)
        engine.grant(platform, PLENTY, expires_on=day, reason="bench", key=f"g{lot}", **given)
    engine.assign(platform, {made[0]: PLENTY // 100}, key="a", **given)
    placed = []
    for number in range(holds):
        demands = [Demand(made[1], PLENTY // 1000)]
        subject = Subject("campaign", number + 1)
        held = engine.place_hold(
            platform, demands, send_at=NOW, subject=subject, label="Bench", key=f"h{number}", **given
        )
        placed.append(held.hold_id)
    db.session.commit()
    return Scene(platform, made, tuple(placed))


def scalar(statement: str, **values: object) -> int:
    return int(db.session.execute(text(statement), values).scalar_one())


def charges(scene: Scene, first: int, messages: int, credits: int) -> list[Charge]:
    return [Charge(first + n, scene.lists[1], "IT", 1, credits, "bench", "1") for n in range(messages)]


def hold_once(scene: Scene, key: str, number: int) -> None:
    """As a campaign does: one limited and one free list."""
    demands = [Demand(scene.lists[0], 3), Demand(scene.lists[1], 7)]
    engine.place_hold(
        scene.platform, demands, send_at=NOW, subject=Subject("campaign", number), label="Bench",
        actor=SYSTEM, now=NOW, key=key,
    )  # fmt: skip


def bare_stage(lists: int, number: int) -> Scene:
    platform = scalar("INSERT INTO platform (name) VALUES (:n) RETURNING id", n=f"Expiry {number}")
    rows = db.session.execute(
        text(
            "INSERT INTO recipient_list (platform_id, name, created_at)"
            " SELECT :p, 'List ' || n, '2020-01-01Z' FROM generate_series(1, :n) AS n RETURNING id"
        ),
        {"p": platform, "n": lists},
    )
    ids = tuple(row[0] for row in rows)
    given: dict[str, Any] = {"reason": "bench", "actor": SYSTEM, "now": NOW}
    engine.grant(platform, 50 * lists, expires_on=date(2027, 6, 1), key="g", **given)
    engine.grant(platform, 50 * lists, expires_on=None, key="h", **given)
    engine.assign(platform, dict.fromkeys(ids, 100), actor=SYSTEM, now=NOW, key="a")
    db.session.commit()
    return Scene(platform, ids, ())
