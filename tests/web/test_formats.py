"""Numbers, money, days and instants as a reader sees them."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from webapp.audience.errors import TooManyForExcel
from webapp.campaigns.scheduling import QuoteChanged
from webapp.web import formats

AT = datetime(2028, 11, 20, 23, 30, tzinfo=UTC)


@pytest.fixture
def pages(app: Flask):
    with app.test_request_context("/"):
        yield


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("language", "credits", "euros", "yen", "day", "italy"),
    [
        ("en", "1,284", "€45.00", "¥45", "20 November 2028", "Italy"),
        ("it", "1.284", "45,00\xa0€", "45\xa0JPY", "20 novembre 2028", "Italia"),
    ],
)
def test_everything_is_written_in_the_readers_language(
    language: str, credits: str, euros: str, yen: str, day: str, italy: str
) -> None:
    with force_locale(language):
        assert formats.credits(1284) == credits
        assert formats.money(4500, "EUR") == euros
        assert formats.money(45, "JPY") == yen
        assert formats.day(date(2028, 11, 20)) == day
        assert formats.country("IT") == italy


@pytest.mark.usefixtures("pages")
def test_an_instant_is_shown_in_its_zone() -> None:
    with force_locale("en"):
        assert formats.instant(AT, "Europe/Rome") == "21 Nov 2028, 00:30"
        assert formats.instant(AT, "America/New_York") == "20 Nov 2028, 18:30"
        assert formats.instant(AT) == "20 Nov 2028, 23:30"


@pytest.mark.usefixtures("pages")
def test_what_is_not_there_is_a_dash() -> None:
    assert {formats.credits(None), formats.money(None, "EUR"), formats.instant(None), formats.day(None)} == {
        "–"
    }
    assert formats.country(None) == "–"


@pytest.mark.usefixtures("pages")
def test_a_code_that_is_no_country_stays_as_it_is_and_kosovo_has_its_name() -> None:
    with force_locale("en"):
        assert formats.country("QQ") == "QQ"
        assert formats.country("XK") == "Kosovo"


@pytest.mark.parametrize(("part", "whole", "share"), [(1, 4, 25.0), (0, 0, 0.0), (5, 4, 100.0), (-1, 4, 0.0)])
def test_a_share_stays_between_nothing_and_all(part: int, whole: int, share: float) -> None:
    assert formats.percent(part, whole) == share


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(("language", "mark"), [("en", ","), ("it", ".")])
def test_the_numbers_in_a_refusal_are_written_in_the_readers_language(language: str, mark: str) -> None:
    quoted: Any = SimpleNamespace(credits=1284)
    with force_locale(language):
        assert f"1{mark}284" in QuoteChanged(quoted).sentence
        assert f"100{mark}000" in TooManyForExcel(100_000).sentence
