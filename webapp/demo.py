"""An example platform, made through the real use cases, with some weeks behind it.

Its phone numbers are those that the telephone authorities of their countries keep free for films and
examples, so that nobody is written to, whatever gateway is set up later.
"""

import csv
import io
import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import select

from webapp import clock
from webapp.accounts import people, platforms
from webapp.accounts.models import Platform, User
from webapp.audience import importing, lists, uploading
from webapp.audience.models import RecipientList
from webapp.audience.rows import FIELD, PHONE
from webapp.campaigns import dispatching, drafts, scheduling, settings
from webapp.campaigns.drafts import Draft
from webapp.campaigns.gateways import gateway
from webapp.campaigns.gateways.sandbox.server import Sandbox
from webapp.config import Settings
from webapp.credits import engine
from webapp.credits.terms import Actor
from webapp.db import db, transaction
from webapp.errors import Refused
from webapp.shop import orders, packages, seller
from webapp.shop.packages import Terms
from webapp.shop.seller import Particulars

PEOPLE = {"operator": "Olga", "admin": "Ada", "marketer": "Marco", "viewer": "Vera"}
FIRST_NAMES = (  # noqa: SIM905 - their letters decide how a text is cut
    "Amir Bianca Chiara David Elena Farah Giulia Hiro Ingrid Jonas Kofi Lucía Mateo Nadia Oskar Priya "
    "Quentin Rosa Søren Tereza Umar Valeria Wiebke Ximena Yara Zoë"
).split()
# Kept free for examples: 555-01xx of North America, 0171 39200xx of Germany, 070-1740605 to 99 of Sweden,
# 0491 570 xxx of Australia (six numbers).
FREE_NUMBERS = (
    [
        f"+1{area}55501{n:02}"
        for area in (202, 212, 305, 312, 415, 416, 514, 604, 617, 702)
        for n in range(100)
    ],
    [f"+491713920{n:04}" for n in range(100)],
    [f"+4670174{n:04}" for n in range(605, 700)],
    [f"+61491570{n}" for n in ("006", "156", "157", "158", "159", "110")],
)
LISTS = {"Newsletter": 420, "Loyalty club": 140, "Store openings": 60}
PACKAGES = (
    Terms(500, 24, 2900, 2500),
    Terms(2_500, 24, 12_900, 11_500),
    Terms(10_000, 24, 45_900, 41_900),
    Terms(50_000, 24, 199_000, 179_000),
)
CAMPAIGNS = (
    (
        33,
        "Autumn preview",
        "Hi {first_name|there}, the autumn coffees are here: aurora.example/autumn",
        (0, 1),
    ),
    (26, "Double stamps", "{first_name}, this week every cup gives two stamps. Your card: {card}", (1,)),
    (19, "New roastery", "Come and see our new roastery in {city} on Saturday, with free tastings!", (2,)),
    (
        12,
        "Cupping evening",
        "Ciao {first_name} ☕ a seat is kept for you on Thursday at 7 pm in {city}",
        (0,),
    ),
    (
        5,
        "Loyalty thanks",
        "Thank you, {first_name}: your card {card} has a free bag on it until Sunday.",
        (1, 2),
    ),
    (1, "Weekend offer", "{first_name|Hello}, two bags for the price of one, only this weekend.", (0, 2)),
)


class NotEmpty(Refused):
    """There are people here already; nothing is mixed with their things."""

    slug = "wrong-state"


@dataclass(frozen=True)
class Example:
    """What the steps below hand on: the platform, its people as actors, and its lists."""

    platform: Platform
    actors: dict[str, Actor]
    list_ids: tuple[int, ...]


def how_to_sign_in(settings: Settings) -> Path:
    """The file that keeps what was printed once."""
    return settings.instance / "example-people.txt"


def fill_if_empty() -> str:
    """Fills an empty installation. Returns the lines that say how to sign in; of one that is in use, none."""
    try:
        return fill()
    except NotEmpty:
        kept = how_to_sign_in(current_app.config["SETTINGS"])
        return f"How to sign in stands in {kept}\n" if kept.exists() else ""


def fill() -> str:
    """Makes everything; returns how to sign in. Raises `NotEmpty`."""
    if db.session.scalar(select(User.id).limit(1)) is not None:
        raise NotEmpty("This installation is in use already; the example is for an empty one.")
    db.session.rollback()
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    with clock.set_back(timedelta(days=45)), transaction():
        example = furnish(password)
        words = keep_how_to_sign_in(example, password)
    for number, (days_ago, name, text, chosen) in enumerate(CAMPAIGNS):
        with clock.set_back(timedelta(days=days_ago, minutes=37 * number)):
            send(example, name, text, chosen)
    leave_work_open(example)
    return words


def furnish(password: str) -> Example:
    """The state before the first campaign: people, packages, credits, lists with people on them."""
    now = clock.now()
    platform, actors = make_people(password)
    open_shop(actors["operator"], now)
    buy(platform.id, actors, 2, now)
    lists_made = tuple(make_list(platform.id, name, size, actors) for name, size in LISTS.items())
    first_day = (now + timedelta(days=120)).date()
    engine.grant(
        platform.id,
        1_000,
        expires_on=first_day,
        reason="Welcome",
        actor=actors["operator"],
        now=now,
        key="welcome",
    )
    engine.set_access(
        platform.id, {lists_made[1]: 2_000, lists_made[2]: 800}, actor=actors["admin"], now=now, key="first"
    )
    return Example(platform, actors, lists_made)


def make_people(password: str) -> tuple[Platform, dict[str, Actor]]:
    operator = people.invite(None, email="operator@example.com", name=PEOPLE["operator"], role="operator")
    platform, admin = platforms.create(
        name="Aurora Coffee",
        time_zone="Europe/Rome",
        currency="EUR",
        language="en",
        admin_email="admin@example.com",
        admin_name=PEOPLE["admin"],
    )
    others = [
        people.invite(platform.id, email=f"{role}@example.com", name=PEOPLE[role], role=role)
        for role in ("marketer", "viewer")
    ]
    everybody = [operator, admin, *others]
    for person in everybody:
        people.accept(person.id, person.fs_uniquifier, password)
    return platform, {person.role: Actor(person.id, person.name) for person in everybody}


def open_shop(operator: Actor, now: datetime) -> None:
    """Packages on sale, and where to pay."""
    for terms in PACKAGES:
        packages.create_package(terms, actor=operator, now=now)
    particulars = Particulars(
        "SMS Credits Example\nVia Esempio 1\n00100 Roma",
        "Example Bank, New York\nAccount 000123456789\nRouting 000000000",
        "Banca Esempio, Roma\nIBAN IT00 X000 0000 0000 0000 0000 000",
    )
    seller.change_seller(particulars, actor=operator, now=now)


def buy(platform_id: int, actors: dict[str, Actor], place: int, now: datetime, *, paid: bool = True) -> None:
    terms_id = packages.listed_packages()[place].terms.id
    order = orders.place_order(
        platform_id,
        terms_id=terms_id,
        currency="EUR",
        key=secrets.token_hex(8),
        actor=actors["admin"],
        now=now,
    )
    if paid:
        orders.mark_paid(order.id, reference=f"Transfer {order.id}", actor=actors["operator"], now=now)


def make_list(platform_id: int, name: str, size: int, actors: dict[str, Actor]) -> int:
    """A list, filled by an import as a person would do it."""
    made: RecipientList = lists.create_list(platform_id, name, now=clock.now())
    marketer = actors["marketer"]
    task = uploading.upload(
        platform_id,
        made.id,
        f"{name}.csv",
        table(name, size),
        by_id=marketer.id,
        by_name=marketer.name,
        now=clock.now(),
    )
    mapping = [PHONE, FIELD + "first_name", FIELD + "city", FIELD + "card"]
    uploading.choose_columns(platform_id, task.id, mapping, None, check=False)
    uploading.confirm(platform_id, task.id, now=clock.now(), enqueue=False)
    importing.run_import(task.id, now=clock.now())
    return made.id


def table(seed: str, size: int) -> io.BytesIO:
    """A CSV of `size` people; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311
    shuffled = [chance.sample(numbers, len(numbers)) for numbers in FREE_NUMBERS]
    phones = [numbers.pop() for numbers in cycle_while_any(shuffled, size)]
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["Phone", "First name", "City", "Card"])
    for number, phone in enumerate(phones, 1):
        city = chance.choice(["Rome", "Malmö", "Berlin", "Boston", "Montréal"])
        rows.writerow([phone, chance.choice(FIRST_NAMES), city, f"AC-{number:04}"])
    return io.BytesIO(out.getvalue().encode())


def cycle_while_any(pots: list[list[str]], times: int) -> Iterator[list[str]]:
    """The pots in turn, those left out that are empty."""
    turn = cycle(pots)
    while times:
        if pot := next(turn):
            yield pot
            times -= 1


def send(example: Example, name: str, text: str, chosen: tuple[int, ...]) -> None:
    """A campaign from its draft to its last message, through the sandbox gateway.

    One transaction: a worker whose clock is not set back would find it late, and give it up.
    """
    draft = Draft(name, "Aurora", text, "", tuple(example.list_ids[n] for n in chosen))
    sending = settings.current()
    with sandbox_there(sending), transaction():
        campaign_id = schedule(example, draft)
        while not dispatching.step(campaign_id, gateway(sending), sending, now=clock.now()).over:
            pass


def schedule(example: Example, draft: Draft) -> int:
    """Confirms a draft at whatever it costs, as its marketer; the campaign's id."""
    actor, now = example.actors["marketer"], clock.now()
    zone = ZoneInfo(example.platform.time_zone)
    with transaction():
        campaign = drafts.create_draft(example.platform.id, draft, actor=actor, now=now)
        check = scheduling.at_most(2**31)
        return scheduling.schedule(
            example.platform.id, campaign.id, check, zone=zone, actor=actor, now=now
        ).id


@contextmanager
def sandbox_there(sending: settings.SendingSettings) -> Iterator[None]:
    """The sandbox gateway answers inside: the one that runs already, else one of our own for that long."""
    try:
        sandbox = Sandbox(sending)
    except OSError:
        yield
        return
    serving = threading.Thread(target=sandbox.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield
    finally:
        sandbox.shutdown()
        serving.join()
        sandbox.server_close()


def leave_work_open(example: Example) -> None:
    """What there is to do today: a campaign that waits for its time, a draft, an order to be paid."""
    now, platform_id = clock.now(), example.platform.id
    local = (
        (now + timedelta(days=3)).astimezone(ZoneInfo(example.platform.time_zone)).strftime("%Y-%m-%dT10:00")
    )
    text = "{first_name}, our winter blend is out on Friday. Be the first: aurora.example/winter"
    schedule(example, Draft("Winter blend", "Aurora", text, local, example.list_ids[:1]))
    text = "Season’s greetings, {first_name}! Show card {card} for a gift in our shop in {city}."
    draft = Draft("Season's greetings", "Aurora", text, "", example.list_ids)
    drafts.create_draft(platform_id, draft, actor=example.actors["marketer"], now=now)
    buy(platform_id, example.actors, 1, now, paid=False)


def keep_how_to_sign_in(example: Example, password: str) -> str:
    addresses = "".join(f"  {role}@example.com\n" for role in example.actors)
    words = f"Sign in as one of these, with the password {password}\n{addresses}"
    kept = how_to_sign_in(current_app.config["SETTINGS"])
    kept.touch(mode=0o600)
    kept.write_text(words)
    return words
