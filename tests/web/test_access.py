"""Every address of the installation: marked for its roles or as public, and kept to that."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.personas import make_person, sign_in
from webapp.accounts.models import ROLES, Platform, User
from webapp.web.frame import SECTIONS, page_url

NOT_OURS = {"static", "security.static"}
KEPT_OUT = (303, 401, 403)


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in NOT_OURS]


def roles_of(app: Flask, rule: Rule) -> frozenset[str] | None:
    """The roles that may open it; None for a public one."""
    view = app.view_functions[rule.endpoint]
    return None if getattr(view, "public", False) else getattr(view, "roles", frozenset())


def address_of(rule: Rule, number: str = "987654321") -> str:
    """An address of that rule, with numbers that nothing has and the first of what is a choice."""
    chosen = re.sub(r"<any\(([^),]+)[^)]*\):[^>]+>", lambda found: found.group(1).strip("'\" "), rule.rule)
    return re.sub(r"<[^>]+>", number, chosen)


def methods_of(rule: Rule) -> list[str]:
    return [method for method in ("GET", "POST", "PUT", "DELETE") if method in (rule.methods or ())]


def test_every_view_says_who_may_open_it(app: Flask) -> None:
    unmarked = [rule.endpoint for rule in rules(app) if roles_of(app, rule) == frozenset()]
    assert unmarked == []


def test_a_view_is_not_both_public_and_kept_for_roles(app: Flask) -> None:
    both = [
        name
        for name, view in app.view_functions.items()
        if getattr(view, "public", False) and hasattr(view, "roles")
    ]
    assert both == []


def test_signed_out_nothing_opens_but_what_is_public(app: Flask, client: FlaskClient) -> None:
    opened = []
    for rule in rules(app):
        if roles_of(app, rule) is None:
            continue
        for method in methods_of(rule):
            status = client.open(address_of(rule), method=method).status_code
            if status not in (303, 401):
                opened.append((rule.endpoint, method, status))
    assert opened == []


@pytest.mark.parametrize("role", ROLES)
def test_another_role_is_refused_everywhere(
    app: Flask, client: FlaskClient, platform: Platform, role: str
) -> None:
    sign_in(client, make_person(None if role == "operator" else platform, role))
    opened = []
    for rule in rules(app):
        allowed = roles_of(app, rule)
        if allowed is None or role in allowed:
            continue
        for method in methods_of(rule):
            status = client.open(address_of(rule), method=method).status_code
            if status != 403:
                opened.append((rule.endpoint, method, status))
    assert opened == []


@pytest.mark.parametrize("number", ["987654321", "9223372036854775808"])
@pytest.mark.parametrize("role", ROLES)
def test_no_address_with_numbers_that_nothing_has_breaks(
    app: Flask, client: FlaskClient, platform: Platform, role: str, number: str
) -> None:
    sign_in(client, make_person(None if role == "operator" else platform, role))
    broken = []
    for rule in rules(app):
        allowed = roles_of(app, rule)
        if allowed is not None and role in allowed and rule.endpoint != "security.logout":
            for method in methods_of(rule):
                status = client.open(address_of(rule, number), method=method).status_code
                if status >= 500 or status == 403:
                    broken.append((rule.endpoint, method, status))
    assert broken == []


def test_every_section_of_the_side_bar_has_its_page(app: Flask) -> None:
    with app.test_request_context("/"):
        missing = [name for _title, items in SECTIONS for _label, name, _roles in items if not page_url(name)]
    assert missing == []


def test_the_side_bar_shows_only_what_opens(app: Flask, client: FlaskClient, platform: Platform) -> None:
    for role in ROLES:
        person = make_person(None if role == "operator" else platform, role)
        page = sign_in(client, person).get("/", follow_redirects=True).text
        side = page.split('class="side-nav"')[1].split("</nav>")[0]
        for address in re.findall(r'href="(/[^"]*)"', side):
            assert client.get(address, follow_redirects=True).status_code == 200, (role, address)


def test_an_operator_has_no_platform_to_look_at_as_one_of_its_people(
    client: FlaskClient, operator: User
) -> None:
    sign_in(client, operator)
    assert client.get("/people").status_code == 403
    assert client.get("/", follow_redirects=False).location == "/operator/platforms"
