"""Packages are added to, retired and remembered; never rewritten (R3)."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.shop.conftest import LARGE, NOON, SELLER, SMALL, on_sale, terms_of
from webapp.credits.terms import Actor
from webapp.db import db
from webapp.shop.packages import (
    PackageRefused,
    Terms,
    change_package,
    create_package,
    history,
    listed_package,
    packages_for_sale,
    retire_package,
)


def test_what_is_put_on_sale_is_for_sale_with_both_its_prices(small):
    [package] = packages_for_sale()
    assert (package.package_id, package.credits, package.validity_months) == (small, 1_000, 24)
    assert package.price_minor == {"USD": 5_000, "EUR": 4_500}


def test_the_same_package_is_not_put_on_sale_twice(small):
    with pytest.raises(PackageRefused):
        create_package(Terms(1_000, 24, 1, 1), actor=SELLER, now=NOON)
    on_sale(Terms(1_000, 12, 4_000, 3_500))
    assert len(packages_for_sale()) == 2, "another validity is another package"


def test_new_terms_are_for_sale_and_the_old_ones_are_remembered(small):
    dearer = Terms(1_000, 24, 5_500, 5_000)
    change_package(small, dearer, seen_terms_id=terms_of(small), actor=Actor(None, "Omar"), now=NOON)
    assert packages_for_sale()[0].price_minor == {"USD": 5_500, "EUR": 5_000}
    assert [(row.price_eur_minor, row.created_by_name) for row in history(small)] == [
        (5_000, "Omar"),
        (4_500, "Olga"),
    ]


def test_saving_without_a_change_adds_no_terms(small):
    change_package(small, SMALL, seen_terms_id=terms_of(small), actor=SELLER, now=NOON)
    assert len(history(small)) == 1


def test_of_two_operators_who_change_a_package_the_second_is_told(small):
    seen = terms_of(small)
    change_package(small, Terms(1_000, 24, 6_000, 6_000), seen_terms_id=seen, actor=SELLER, now=NOON)
    with pytest.raises(PackageRefused, match="Somebody else"):
        change_package(small, Terms(1_000, 24, 7_000, 7_000), seen_terms_id=seen, actor=SELLER, now=NOON)
    assert packages_for_sale()[0].price_minor["EUR"] == 6_000


def test_a_package_cannot_be_changed_into_another_one_that_is_on_sale(small, large):
    with pytest.raises(PackageRefused):
        change_package(small, LARGE, seen_terms_id=terms_of(small), actor=SELLER, now=NOON)


def test_a_retired_package_is_not_for_sale_but_still_there(small):
    retire_package(small, actor=SELLER, now=NOON)
    assert packages_for_sale() == ()
    listed = listed_package(small)
    assert (listed.package.retired_at, listed.package.retired_by_name) == (NOON, "Olga")
    with pytest.raises(PackageRefused):
        change_package(small, LARGE, seen_terms_id=listed.terms.id, actor=SELLER, now=NOON)


def test_retiring_twice_keeps_who_did_it_first(small):
    retire_package(small, actor=SELLER, now=NOON)
    retire_package(small, actor=Actor(None, "Omar"), now=NOON.replace(hour=13))
    assert listed_package(small).package.retired_by_name == "Olga"


def test_what_was_retired_may_be_put_on_sale_anew(small):
    retire_package(small, actor=SELLER, now=NOON)
    assert on_sale(SMALL) != small


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE package_terms SET price_eur_minor = 1",
        "DELETE FROM package_terms",
        "TRUNCATE package_terms CASCADE",
        "DELETE FROM package",
    ],
)
def test_the_database_refuses_to_rewrite_what_was_sold(small, statement):
    with pytest.raises(DBAPIError):
        db.session.execute(text(statement))


@pytest.mark.parametrize("column", ["credits", "validity_months", "price_usd_minor", "price_eur_minor"])
@pytest.mark.parametrize("value", [0, -1, 2**53])
def test_the_database_refuses_terms_that_make_no_sense(small, column, value):
    copied = {"credits": 1, "validity_months": 1, "price_usd_minor": 1, "price_eur_minor": 1, column: value}
    names, values = ", ".join(copied), ", ".join(map(str, copied.values()))
    with pytest.raises(DBAPIError):
        db.session.execute(
            text(
                f"INSERT INTO package_terms (package_id, created_at, created_by_name, {names}) "
                f"VALUES ({small}, now(), 'Olga', {values})"
            )
        )
