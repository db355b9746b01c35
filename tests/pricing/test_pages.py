"""The operator's plugin pages."""

import pytest

from tests.personas import sign_in
from tests.pricing.test_operating import install, plugin, rate_of  # noqa: F401
from webapp.pricing import operating
from webapp.pricing.api import Rate
from webapp.pricing.plugins import Plugin

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def olga(client, operator):
    return sign_in(client, operator)


def test_all_plugins_stand_in_one_table_with_their_state(olga):
    text = olga.get("/operator/plugins").text
    assert all(f"/operator/plugins/{name}" in text for name in ("gsm", "national_tables", "world_rates"))
    assert "enabled" in text
    assert "disabled" in text
    assert "227" in text


@pytest.mark.parametrize("typed", ["kosovo", "XK", " Kos"])
def test_a_rate_is_found_by_name_or_code(olga, typed):
    page = olga.get("/operator/plugins", query_string={"q": typed})
    assert "Kosovo" in page.text
    fragment = olga.get(
        "/operator/plugins", query_string={"q": typed}, headers={**HTMX, "HX-Target": "section#found-rates"}
    ).text
    assert fragment.lstrip().startswith('<section id="found-rates"')
    assert "Kosovo" in fragment


def test_what_is_not_found_is_said_and_escaped(olga):
    text = olga.get("/operator/plugins", query_string={"q": "<b>nowhere"}).text
    assert "No plugin has a rate" in text
    assert "<b>nowhere" not in text


def test_a_plugin_shows_its_rates_sources_and_what_is_left_out(olga):
    text = olga.get("/operator/plugins/world_rates").text
    assert "GOV.UK Notify" in text
    assert "Abkhazia" in text
    assert "United Kingdom" in text
    found = olga.get("/operator/plugins/world_rates?q=malta").text
    assert "Malta" in found
    assert "Monaco" not in found


def test_profiles_are_shown(olga):
    assert "turkish + default" in olga.get("/operator/plugins/national_tables").text


def test_enabling_and_disabling(olga):
    done = olga.post("/operator/plugins/national_tables/enable", follow_redirects=True)
    assert "is enabled" in done.text
    assert next(state for state in operating.states() if state.name == "national_tables").enabled
    olga.post("/operator/plugins/national_tables/disable")
    assert not next(state for state in operating.states() if state.name == "national_tables").enabled


def test_a_conflict_is_asked_about_and_settled_in_the_same_step(olga, install):  # noqa: F811
    install(plugin("better", Rate("IT", 1), Rate("FR", 9), Rate("AQ", 4)))
    asked = olga.post("/operator/plugins/better/enable", headers=HTMX)
    assert asked.status_code == 422
    assert 'name="rate:IT"' in asked.text
    assert 'name="rate:FR"' in asked.text
    assert "rate:AQ" not in asked.text
    half = olga.post("/operator/plugins/better/enable", data={"rate:IT": "better", "rate:FR": ""})
    assert half.status_code == 422
    done = olga.post(
        "/operator/plugins/better/enable", data={"rate:IT": "better", "rate:FR": "", "prefer": "world_rates"}
    )
    assert done.status_code == 303
    assert rate_of("IT") == ("better", "1.0", 1)
    assert rate_of("FR")[0] == "world_rates"
    olga.post("/operator/plugins/settle", data={"rate:IT": "world_rates"})
    assert rate_of("IT")[0] == "world_rates"


def test_a_choice_of_a_plugin_that_is_not_enabled_is_refused(olga):
    refused = olga.post("/operator/plugins/settle", data={"rate:IT": "nobody"})
    assert refused.status_code == 422
    assert "not enabled" in refused.text


def test_a_broken_plugin_is_shown_with_its_sentence_and_cannot_be_enabled(olga, install):  # noqa: F811
    install(Plugin("odd", "1.0", "odd", problem="Plugin odd 1.0 cannot be used: it cannot be imported."))
    assert "cannot be imported" in olga.get("/operator/plugins").text
    assert "/enable" not in olga.get("/operator/plugins/odd").text
    assert olga.post("/operator/plugins/odd/enable").status_code == 422


def test_the_last_default_profile_stays(olga):
    refused = olga.post("/operator/plugins/gsm/disable")
    assert refused.status_code == 422
    assert "how texts are cut" in refused.text


def test_an_unknown_plugin_is_not_found(olga):
    assert olga.get("/operator/plugins/nobody").status_code == 404
    assert olga.post("/operator/plugins/nobody/enable").status_code == 404


@pytest.mark.parametrize("path", ["/operator/plugins", "/operator/plugins/gsm"])
def test_only_operators_see_plugins(client, admin, path):
    assert client.get(path).status_code in (302, 303)
    assert sign_in(client, admin).get(path).status_code == 403


@pytest.mark.parametrize("path", ["gsm/enable", "gsm/disable", "settle"])
def test_only_operators_change_plugins(client, admin, path):
    assert sign_in(client, admin).post(f"/operator/plugins/{path}").status_code == 403
