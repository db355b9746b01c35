"""GET /prices: open to everybody, in the address, for any country and both currencies."""

import pytest

from tests.personas import sign_in
from tests.shop.conftest import HTMX, LARGE, SMALL, on_sale, queries_of, text_of


@pytest.fixture
def packages(small, large):
    return small, large


def test_somebody_signed_out_reads_the_prices_to_a_country(client, packages):
    answer = client.get("/prices?country=IT&currency=EUR")
    assert answer.status_code == 200
    text = text_of(answer)
    assert "Prices in EUR, messages to Italy" in text
    assert "1,000 valid for 24 months €45.00 500 €0.0900" in text, "2 credits a message in Italy"
    assert "10,000 valid for 24 months €360.00 20% less per credit 5,000 €0.0720" in text
    assert "costs 2 credits" in text


def test_the_other_currency_is_another_price_and_no_conversion(client, packages):
    text = text_of(client.get("/prices?country=US&currency=USD"))
    assert "1,000 valid for 24 months $50.00 1,000 $0.0500" in text
    assert "costs 1 credit." in text


def test_both_drop_downs_stand_on_what_the_address_says(client, packages):
    html = client.get("/prices?country=de&currency=usd").text
    assert '<option value="DE" selected>' in html
    assert '<option value="USD" selected>' in html
    assert html.count("selected>") == 2


def test_htmx_gets_the_table_alone_and_caches_are_told(client, packages):
    answer = client.get("/prices?country=IT&currency=EUR", headers=HTMX)
    assert answer.text.lstrip().startswith('<section id="prices"')
    assert "<html" not in answer.text
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "query", ["country=ATLANTIS", "currency=GBP", "country=%00%C3%28&currency=💶", "country=AQ"]
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_wrong_parameter_gets_a_sentence_and_a_table(client, packages, query, headers):
    answer = client.get(f"/prices?{query}", headers=headers)
    assert answer.status_code == 422
    assert "There are no prices" in text_of(answer)
    assert "€45.00" in answer.text


def test_a_package_too_small_for_one_message_shows_dashes(client, database):
    on_sale(SMALL.__class__(credits=1, validity_months=24, price_usd_minor=10, price_eur_minor=10))
    assert "1 valid for 24 months €0.10 – –" in text_of(client.get("/prices?country=IT&currency=EUR"))


def test_nothing_on_sale_says_so(client, database):
    answer = client.get("/prices")
    assert answer.status_code == 200
    assert "Nothing is on sale yet" in answer.text


def test_each_package_says_how_long_its_credits_last(client, packages):
    assert text_of(client.get("/prices")).count("valid for 24 months") == len(packages)
    on_sale(SMALL.__class__(credits=2_000, validity_months=12, price_usd_minor=9_000, price_eur_minor=9_000))
    text = text_of(client.get("/prices"))
    assert text.count("valid for 12 months") == 1 and "valid for 24 months" in text


def test_a_platform_begins_with_its_own_currency_and_country(client, admin, platform, packages):
    platform.currency, platform.time_zone = "USD", "America/New_York"
    html = sign_in(client, admin).get("/prices").text
    assert '<option value="USD" selected>' in html
    assert '<option value="US" selected>' in html


def test_the_page_asks_the_database_as_often_for_many_packages_as_for_one(client, database):
    on_sale(SMALL)
    client.get("/prices")
    one = queries_of(lambda: client.get("/prices?country=IT&currency=EUR"))
    for number in range(2, 8):
        on_sale(LARGE.__class__(number * 1_000, 24, number * 4_000, number * 4_000))
    assert queries_of(lambda: client.get("/prices?country=IT&currency=EUR")) == one == 2
