"""Every address of the installation with real things of one platform in it, opened by the wrong people.

tests/web/test_access.py walks the same addresses with numbers that nothing has; here 404 means "not yours".
"""

import re
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.personas import make_person, sign_in
from tests.security.world import World, make_world
from webapp.accounts.models import ROLES
from webapp.db import db

NOT_OURS = {"static", "security.static"}
OWN_SESSION = {"sign_in", "throttle", "alembic_version"}  # change with every request of anybody
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}

# Posting to these asks for nothing but the press of a button, takes whatever was typed (a draft, values
# that may be empty), or leads back to a thing of this world that is past that step.
BUTTONS = {
    "audience.change_recipient",
    "audience.choose_columns",
    "campaigns.reschedule",
    "campaigns.schedule",
    "accounts.invite_again",
    "accounts.invite_again_to_platform",
    "accounts.remove_person",
    "audience.change_layout",
    "audience.delete_list",
    "audience.remove_recipient",
    "audience.resubscribe",
    "audience.run_import_again",
    "audience.unsubscribe",
    "audience.withdraw_import",
    "campaigns.autosave",
    "campaigns.cancel",
    "campaigns.delete",
    "campaigns.duplicate",
    "campaigns.compare_wording",
    "campaigns.find_savings",
    "campaigns.new",
    "campaigns.pause",
    "campaigns.quote",
    "campaigns.resume",
    "campaigns.save",
    "credits.free_all",
    "credits.preview_access",
    "pricing.disable",
    "pricing.enable",
    "pricing.settle",  # no conflict, no choice to make
    "reports.export_ledger",
    "reports.export_platform_ledger",
    "reports.make",
    "security.change_password",  # Flask-Security shows its form again with 200
    "security.logout",
    "shop.cancel_order",
    "shop.cancel_own_order",
    "shop.retire",
    "web.look",
}
JUNK = ["", "\x00", "9" * 30, "💥" * 300, "'; DROP TABLE lot; --"]
QUERY = [
    "page",
    "find",
    "back",
    "q",
    "country",
    "currency",
    "from",
    "to",
    "days",
    "list",
    "campaign",
    "status",
]


@pytest.fixture
def world(platform, admin, operator) -> World:
    return make_world(platform, admin, operator)


@pytest.fixture
def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in NOT_OURS]


def methods_of(rule) -> list[str]:
    return sorted(rule.methods & {"GET", "POST", "PUT", "DELETE"})


def roles_of(app, rule) -> frozenset[str] | None:
    view = app.view_functions[rule.endpoint]
    return None if getattr(view, "public", False) else view.roles


def everything() -> dict[str, list[str]]:
    """Every row of every table, as text; what changes with each request of anybody is left out."""
    tables = db.session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    ).all()
    return {
        table: sorted(db.session.scalars(text(f'SELECT t::text FROM "{table}" t')))
        for table in tables
        if table not in OWN_SESSION and not table.startswith("procrastinate")
    }


def asked_all(app, client, world, rules, wanted) -> dict[str, int]:
    """The status of every address and method that is wanted, opened by whom the client is signed in as."""
    return {
        f"{method} {rule.rule}": client.open(world.address(rule.rule), method=method, data={}).status_code
        for rule in rules
        if wanted(rule)
        for method in methods_of(rule)
        if rule.endpoint != "security.logout"
    }


def test_every_part_of_an_address_has_a_real_thing_in_this_world(world, rules):
    for rule in rules:
        assert "<" not in world.address(rule.rule)


def test_the_things_are_really_there_for_their_own_people(app, client, world, rules, admin, operator):
    """Otherwise the 404 below would prove nothing."""
    missing = {}
    for person in (admin, operator):
        sign_in(client, person)
        for rule in rules:
            if "GET" in rule.methods and rule.arguments and person.role in (roles_of(app, rule) or ()):
                status = client.get(world.own_address(rule)).status_code
                if status >= 400:
                    missing[rule.rule] = status
    assert missing == {}


def test_signed_out_nothing_of_a_platform_opens_or_changes(app, client, world, rules):
    before = everything()
    statuses = asked_all(app, client, world, rules, lambda rule: roles_of(app, rule) is not None)
    assert {where: status for where, status in statuses.items() if status not in (303, 401)} == {}
    assert everything() == before


def test_a_stranger_finds_nothing_of_another_platform_and_changes_nothing(
    app, client, world, rules, stranger
):
    sign_in(client, stranger)
    before = everything()
    own = {"filename", "kind", "name", "token"}

    def about_a_thing(rule) -> bool:
        return "admin" in (roles_of(app, rule) or ()) and bool(rule.arguments - own)

    statuses = asked_all(app, client, world, rules, about_a_thing)
    assert {where: status for where, status in statuses.items() if status != 404} == {}
    assert everything() == before


@pytest.mark.parametrize("role", ROLES)
def test_the_wrong_role_is_refused_with_real_things_and_changes_nothing(
    app, client, world, rules, platform, role
):
    sign_in(client, make_person(None if role == "operator" else platform, role))
    before = everything()
    statuses = asked_all(
        app,
        client,
        world,
        rules,
        lambda rule: roles_of(app, rule) is not None and role not in roles_of(app, rule),
    )
    assert {where: status for where, status in statuses.items() if status != 403} == {}
    assert everything() == before


@pytest.fixture
def names(app, client, world, rules, admin, operator) -> list[str]:
    """The names of all fields of all forms that the pages show."""
    found: set[str] = set()
    for person in (admin, operator):
        sign_in(client, person)
        for rule in rules:
            if "GET" in rule.methods and person.role in (roles_of(app, rule) or ()):
                page = client.get(world.address(rule.rule))
                if page.mimetype == "text/html":
                    found |= set(re.findall(r'\bname="([^"]+)"', page.text))
    return sorted(found - {"csrf_token", "viewport", "color-scheme", "htmx-config"})


def test_a_form_full_of_junk_is_refused_and_never_breaks(app, client, world, rules, names, admin, operator):
    assert len(names) > 30, "the pages' fields were found"
    wrong = {}
    for person in (admin, operator):
        sign_in(client, person)
        for rule in rules:
            if "POST" in rule.methods and person.role in (roles_of(app, rule) or ()):
                for number, junk in enumerate(JUNK):
                    post = partial(client.post, world.address(rule.rule), headers=HTMX)
                    answer = undone(partial(post, data=dict.fromkeys(names, junk)))
                    least = (
                        400 if junk == "" and rule.endpoint not in BUTTONS else 200
                    )  # a name may be anything
                    if not least <= answer.status_code < 500:
                        wrong[f"{rule.endpoint} as {person.role}, junk {number}"] = answer.status_code
    assert sorted(wrong.items()) == []


def undone(act: Callable[[], TestResponse]) -> TestResponse:
    """What it gives, after taking back what it did to the database."""
    held = db.engine.begin_nested()
    try:
        return act()
    finally:
        held.rollback()


def test_an_address_full_of_junk_is_answered_and_never_breaks(
    app, client, world, rules, names, admin, operator
):
    wrong = {}
    for person in (None, admin, operator):
        sign_in(client, person)
        for rule in rules:
            roles = roles_of(app, rule)
            if "GET" in rule.methods and (roles is None or (person and person.role in roles)):
                for number, junk in enumerate(JUNK):
                    query = dict.fromkeys([*names, *QUERY], junk)
                    answer = client.get(world.address(rule.rule), query_string=query)
                    if answer.status_code >= 500 and rule.endpoint != "health.health":
                        wrong[f"{rule.endpoint}, junk {number}"] = answer.status_code
    assert sorted(wrong.items()) == []


@pytest.mark.parametrize("number", ["9" * 25, "0", "-1", "%00", "9223372036854775808"])
def test_a_number_that_no_row_can_have_is_not_found_and_never_breaks(
    app, client, world, rules, admin, operator, number
):
    wrong = {}
    for person in (admin, operator):
        sign_in(client, person)
        for rule in rules:
            if rule.arguments and person.role in (roles_of(app, rule) or ()):
                address = World(dict.fromkeys(world.parts, number), {}).address(rule.rule)
                for method in methods_of(rule):
                    status = client.open(address, method=method, data={}).status_code
                    if not 400 <= status < 500 and not (
                        status < 400 and number == "0" and "list_key" in rule.arguments
                    ):
                        wrong[f"{method} {rule.rule}"] = status
    assert sorted(wrong.items()) == []
