"""Home: what each role sees first, and only what is theirs."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.personas import make_person, sign_in
from webapp import clock
from webapp.accounts.models import Platform, User
from webapp.audience.models import RecipientList
from webapp.campaigns.models import Campaign
from webapp.credits import engine
from webapp.credits.expiry import rome_day
from webapp.home import overview

OLGA = engine.Actor(None, "Olga")


def make_list(platform: Platform, name: str, session: Session) -> RecipientList:
    made = RecipientList(platform_id=platform.id, name=name, created_at=clock.now())
    session.add(made)
    session.flush()
    return made


def make_draft(platform: Platform, name: str, session: Session) -> Campaign:
    now = clock.now()
    made = Campaign(
        platform_id=platform.id, name=name, token=name, saved_at=now, created_at=now, created_by_name="Marco"
    )
    session.add(made)
    session.flush()
    return made


def grant(platform: Platform, credits: int, days: int | None = 60) -> None:
    now = clock.now()
    expires_on = rome_day(now) + timedelta(days=days) if days else None
    engine.grant(
        platform.id, credits, expires_on=expires_on, reason="Hello", actor=OLGA, now=now, key=f"g{credits}"
    )


def test_a_new_platform_shows_three_steps_that_tick_off(
    client: FlaskClient, admin: User, platform: Platform, database: Session
) -> None:
    sign_in(client, admin)
    assert client.get("/").text.count('class="tag tag-good">done') == 0
    make_list(platform, "Shop", database)
    grant(platform, 100)
    assert client.get("/").text.count('class="tag tag-good">done') == 2
    make_draft(platform, "First", database)
    assert "Three steps" not in client.get("/").text


def test_an_admin_reads_the_balance_and_the_expiry_ahead(
    client: FlaskClient, admin: User, platform: Platform
) -> None:
    grant(platform, 1240)
    page = sign_in(client, admin).get("/").text
    last = rome_day(clock.now()) + timedelta(days=59)
    assert "1,240" in page
    assert f"usable until {last.day} {last:%B %Y}, Italian time" in page


@pytest.mark.parametrize(("role", "sees"), [("admin", True), ("marketer", False), ("viewer", False)])
def test_only_an_admin_sees_the_money_side(
    client: FlaskClient, platform: Platform, role: str, sees: bool
) -> None:
    grant(platform, 100)
    page = sign_in(client, make_person(platform, role)).get("/").text
    assert ("Balance, and what expires" in page) is sees
    assert "Credits used in 30 days" in page


def test_a_viewer_is_offered_nothing_to_change(
    client: FlaskClient, viewer: User, platform: Platform, database: Session
) -> None:
    draft = make_draft(platform, "Spring", database)
    page = sign_in(client, viewer).get("/").text
    assert "Spring" in page
    assert f"/campaigns/{draft.id}" not in page
    assert "New campaign" not in page


def test_drafts_of_another_platform_are_nowhere(
    client: FlaskClient, admin: User, stranger: User, database: Session
) -> None:
    assert stranger.platform
    make_draft(stranger.platform, "Theirs alone", database)
    assert "Theirs alone" not in sign_in(client, admin).get("/").text


def test_a_list_with_nothing_left_is_near_its_limit_and_a_free_one_is_not(
    platform: Platform, database: Session
) -> None:
    empty, rich, _free = (make_list(platform, name, database) for name in ("Empty", "Rich", "Free"))
    grant(platform, 1000)
    now = clock.now()
    engine.assign(platform.id, {empty.id: 0, rich.id: 500}, actor=OLGA, now=now, key="a")
    near = overview.near_limit(platform, engine.balance(platform.id, now=now), now)
    assert [(one.name, one.assigned) for one in near] == [("Empty", 0)]


def test_every_one_of_the_last_30_days_has_its_figure(platform: Platform) -> None:
    days = overview.used(platform, clock.now())
    assert len(days) == 30
    assert [day for day, _credits in days] == [days[0][0] + timedelta(days=n) for n in range(30)]
    assert {credits for _day, credits in days} == {0}


def test_the_running_campaigns_are_asked_for_without_keeping_the_session(
    client: FlaskClient, marketer: User
) -> None:
    answer = sign_in(client, marketer).get("/running", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="running"')
