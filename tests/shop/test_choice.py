"""The two drop-downs take any text from the address and still show a table."""

from hypothesis import given
from hypothesis import strategies as st

from webapp.accounts.models import Platform
from webapp.shop.choice import choose

RATED = {"IT", "DE", "US"}


def test_what_was_chosen_is_taken_in_either_case():
    choice = choose(" de ", "usd", RATED)
    assert (choice.country, choice.currency, choice.complaints) == ("DE", "USD", ())


def test_nothing_chosen_begins_with_the_platforms_own():
    choice = choose(None, "", RATED, first_country="US", first_currency="USD")
    assert (choice.country, choice.currency, choice.complaints) == ("US", "USD", ())


def test_a_first_country_without_a_rate_gives_way_to_one_that_has_one():
    assert choose(None, None, RATED, first_country="FR").country == "DE"
    assert choose(None, None, ()).country is None


def test_each_wrong_parameter_gets_a_sentence_of_its_own(app):
    with app.test_request_context():
        choice = choose("Atlantis", "GBP", RATED)
    assert len(choice.complaints) == 2
    assert (choice.country, choice.currency) == ("IT", "EUR")


@given(st.text(), st.text())
def test_whatever_the_address_says_the_choice_can_be_shown(app, country, currency):
    with app.test_request_context():
        choice = choose(country, currency, RATED)
    assert choice.country in RATED and choice.currency in ("USD", "EUR")


def test_a_platforms_country_follows_from_its_time_zone():
    assert Platform(time_zone="Europe/Rome").country == "IT"
    assert Platform(time_zone="America/New_York").country == "US"
    assert Platform(time_zone="Nowhere/At_All").country is None
