"""The people of the tests: an operator, the admin, marketer and viewer of one platform, and a stranger.

Without a database of their own: use the fixtures beside `database` or `client`, or call `make_platform` and
`make_person` inside an application context.
"""

from itertools import count

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts.models import Platform, SignIn, User
from webapp.accounts.sessions import KEY
from webapp.db import db

PASSWORD = "correct horse battery"
CHEAP_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
numbers = count(1)


def make_platform(name: str | None = None, **values: object) -> Platform:
    """A platform, flushed: Europe/Rome, EUR, English, latest expiry first, unless told otherwise."""
    platform = Platform(name=name or f"Platform {next(numbers)}", **values)
    db.session.add(platform)
    db.session.flush()
    return platform


def make_person(platform: Platform | None, role: str, **values: object) -> User:
    """A person who can sign in with `PASSWORD`, flushed; an operator has no platform."""
    number = next(numbers)
    given = {
        "email": f"{role}{number}@example.com",
        "name": f"{role.capitalize()} {number}",
        "password": CHEAP_HASH,
        "active": True,
        "fs_uniquifier": f"uniquifier-{number}",
    }
    person = User(platform=platform, role=role, **(given | values))
    db.session.add(person)
    db.session.flush()
    return person


def sign_in(client: FlaskClient, person: User | None) -> FlaskClient:
    """The client, signed in as this person without the form; as nobody when it is None."""
    with client.session_transaction() as session:
        session.clear()
        if person is not None:
            session.update(session_of(person))
    return client


def session_of(person: User) -> dict[str, object]:
    """What the browser's session holds when this person has signed in."""
    now = clock.now()
    started = SignIn(user_id=person.id, started_at=now, seen_at=now)
    db.session.add(started)
    db.session.flush()
    return {"_user_id": person.fs_uniquifier, "_fresh": True, "fs_paa": now.timestamp(), KEY: started.id}


@pytest.fixture
def platform(database: Session) -> Platform:
    return make_platform("Aurora")


@pytest.fixture
def operator(database: Session) -> User:
    return make_person(None, "operator")


@pytest.fixture
def admin(platform: Platform) -> User:
    return make_person(platform, "admin")


@pytest.fixture
def marketer(platform: Platform) -> User:
    return make_person(platform, "marketer")


@pytest.fixture
def viewer(platform: Platform) -> User:
    return make_person(platform, "viewer")


@pytest.fixture
def stranger(database: Session) -> User:
    """An admin of another platform."""
    return make_person(make_platform("Borealis"), "admin")
