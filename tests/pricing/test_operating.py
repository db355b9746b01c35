"""Enabling, disabling and settling, through the database."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from webapp.pricing import books, operating, plugins
from webapp.pricing.api import Rate, RateCard, SegmentProfile
from webapp.pricing.books import current_book
from webapp.pricing.checks import PluginRefused
from webapp.pricing.models import StoredBook
from webapp.pricing.operating import PluginConflict
from webapp.pricing.plugins import Plugin

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHO = {"actor": "Olga", "now": NOW}


def card(*rates: Rate) -> RateCard:
    return RateCard("Ours", rates, "our own figures", "ours")


def plugin(
    name: str, *rates: Rate, version: str = "1.0", profiles: tuple[SegmentProfile, ...] = ()
) -> Plugin:
    cards = (card(*rates),) if rates else ()
    return Plugin(name, version, f"{name}-package", cards, profiles)


@pytest.fixture
def install(monkeypatch, database):
    """Makes plugins look installed, beside those of the house."""
    house = {found.name: found for found in plugins.installed()}
    known = dict(house)

    def find(name: str) -> Plugin:
        if name not in known:
            raise PluginRefused(f"No plugin named {name} is installed.")
        return known[name]

    monkeypatch.setattr(plugins, "installed", lambda: tuple(known.values()))
    monkeypatch.setattr(plugins, "find", find)

    def put(*found: Plugin) -> None:
        known.update({one.name: one for one in found})

    put.remove = known.pop  # type: ignore[attr-defined]
    return put


def rate_of(country: str, at: datetime = NOW) -> tuple[str, str, int] | None:
    rate = current_book().rate(country, at)
    return rate and (rate.plugin, rate.plugin_version, rate.credits_per_segment)


def test_a_new_installation_prices_with_the_plugins_of_the_house(database):
    assert rate_of("IT") == ("world_rates", plugins.find("world_rates").version, 2)
    assert rate_of("GB") == ("world_rates", plugins.find("world_rates").version, 1)
    assert rate_of("XK") == ("world_rates", plugins.find("world_rates").version, 5)
    assert current_book().profile("TR").source.country is None


def test_the_first_book_is_stored_once(database):
    current_book()
    current_book()
    assert len(database.scalars(select(StoredBook)).all()) == 1


def test_the_book_read_back_is_the_book_compiled(database):
    assert current_book().digest == books.offline_book().digest
    assert current_book().rates(NOW) == books.offline_book().rates(NOW)


def test_an_enabled_plugin_prices_and_a_disabled_one_does_not(install):
    install(plugin("islands", Rate("AQ", 7)))
    assert rate_of("AQ") is None
    operating.enable("islands", **WHO)
    assert rate_of("AQ") == ("islands", "1.0", 7)
    operating.disable("islands", **WHO)
    assert rate_of("AQ") is None


def test_rates_change_at_midnight_utc(install):
    install(
        plugin("islands", Rate("AQ", 7, date(2026, 1, 1), date(2026, 2, 1)), Rate("AQ", 8, date(2026, 2, 1)))
    )
    operating.enable("islands", **WHO)
    assert rate_of("AQ", datetime(2025, 12, 31, 23, 59, tzinfo=UTC)) is None
    assert rate_of("AQ", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)) == ("islands", "1.0", 7)
    assert rate_of("AQ", datetime(2026, 2, 1, tzinfo=UTC)) == ("islands", "1.0", 8)


def test_two_plugins_that_rate_a_country_for_a_day_conflict_and_nothing_changes(install):
    install(plugin("better", Rate("IT", 1), Rate("AQ", 9)))
    before = current_book().digest
    with pytest.raises(PluginConflict) as refusal:
        operating.enable("better", **WHO)
    assert [(one.kind, one.country, one.plugins) for one in refusal.value.conflicts] == [
        ("rate", "IT", ("better", "world_rates"))
    ]
    assert "better" in refusal.value.sentence
    assert "world_rates" in refusal.value.sentence
    assert current_book().digest == before


def test_a_refused_enabling_is_rolled_back(committed_app):
    with committed_app.app_context():
        before = current_book().digest
        with pytest.raises(PluginRefused, match="No plugin named nobody"):
            operating.enable("nobody", **WHO)
        assert current_book().digest == before


def test_the_operator_settles_a_conflict_per_country(install):
    install(plugin("better", Rate("IT", 1), Rate("FR", 9)))
    operating.enable("better", choices={("rate", "IT"): "better", ("rate", "FR"): "world_rates"}, **WHO)
    assert rate_of("IT") == ("better", "1.0", 1)
    assert rate_of("FR") == ("world_rates", plugins.find("world_rates").version, 2)
    operating.settle({("rate", "IT"): "world_rates"}, **WHO)
    assert rate_of("IT") == ("world_rates", plugins.find("world_rates").version, 2)


def test_the_choice_goes_with_the_plugin(install):
    install(plugin("better", Rate("IT", 1)))
    operating.enable("better", choices={("rate", "IT"): "better"}, **WHO)
    operating.disable("better", **WHO)
    assert rate_of("IT") == ("world_rates", plugins.find("world_rates").version, 2)
    with pytest.raises(PluginConflict):
        operating.enable("better", **WHO)


def test_no_price_depends_on_the_order_of_enabling(install):
    first, second = plugin("a", Rate("AQ", 1)), plugin("b", Rate("BV", 2))
    install(first, second)
    operating.enable("a", **WHO)
    operating.enable("b", **WHO)
    one = current_book().digest
    operating.disable("a", **WHO)
    operating.enable("a", **WHO)
    assert current_book().digest == one


def test_rates_that_follow_each_other_do_not_conflict(install):
    install(
        plugin("old", Rate("AQ", 1, date(2020, 1, 1), date(2026, 1, 1))),
        plugin("new", Rate("AQ", 2, date(2026, 1, 1))),
    )
    operating.enable("old", **WHO)
    operating.enable("new", **WHO)
    assert rate_of("AQ", datetime(2025, 12, 31, tzinfo=UTC)) == ("old", "1.0", 1)
    assert rate_of("AQ") == ("new", "1.0", 2)


def test_an_update_is_offered_and_taken_over_only_by_enabling_again(install):
    install(plugin("islands", Rate("AQ", 7)))
    operating.enable("islands", **WHO)
    install(plugin("islands", Rate("AQ", 70), version="2.0"))
    assert rate_of("AQ") == ("islands", "1.0", 7)
    state = next(state for state in operating.states() if state.name == "islands")
    assert (state.version, state.update, [rate.credits_per_segment for rate in state.rates]) == (
        "1.0",
        "2.0",
        [7],
    )
    operating.enable("islands", **WHO)
    assert rate_of("AQ") == ("islands", "2.0", 70)


def test_a_removed_package_goes_on_pricing_until_it_is_disabled(install):
    install(plugin("islands", Rate("AQ", 7)))
    operating.enable("islands", **WHO)
    install.remove("islands")
    assert rate_of("AQ") == ("islands", "1.0", 7)
    state = next(state for state in operating.states() if state.name == "islands")
    assert (state.enabled, state.installed) == (True, False)
    operating.disable("islands", **WHO)
    assert rate_of("AQ") is None


def test_a_broken_update_leaves_what_was_enabled(install):
    install(plugin("islands", Rate("AQ", 7)))
    operating.enable("islands", **WHO)
    install(
        Plugin(
            "islands", "2.0", "islands-package", problem="Plugin islands 2.0 cannot be used: it is broken."
        )
    )
    assert rate_of("AQ") == ("islands", "1.0", 7)
    with pytest.raises(PluginRefused, match=r"islands 2\.0"):
        operating.enable("islands", **WHO)


def test_the_last_default_profile_cannot_be_disabled(database):
    current_book()
    with pytest.raises(PluginRefused, match="how texts are cut"):
        operating.disable("gsm", **WHO)


def test_profiles_conflict_per_country_too(install):
    profile = SegmentProfile("TR", (), part_limit=3)
    install(plugin("mine", profiles=(profile,)))
    operating.enable("national_tables", **WHO)
    assert current_book().profile("TR").national
    with pytest.raises(PluginConflict):
        operating.enable("mine", **WHO)
    operating.enable("mine", choices={("profile", "TR"): "mine"}, **WHO)
    assert current_book().profile("TR").part_limit == 3


def test_old_books_are_kept_with_who_and_why(install):
    install(plugin("islands", Rate("AQ", 7)))
    operating.enable("islands", **WHO)
    kept = operating.db.session.scalars(select(StoredBook).order_by(StoredBook.id)).all()
    assert [(book.reason, book.actor) for book in kept] == [
        ("first installation", "system"),
        ("enabled islands 1.0", "Olga"),
    ]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM pricing_book", "UPDATE pricing_book SET actor = 'x'", "TRUNCATE pricing_book"]
)
def test_the_database_keeps_every_book(database, statement):
    current_book()
    with pytest.raises(IntegrityError, match="never changed or removed"):
        database.execute(text(statement))
