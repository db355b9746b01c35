"""The catalogues: every sentence of the pages has its Italian one, with the same places for figures."""

import re
import tomllib
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from tests.personas import sign_in
from webapp.accounts.models import Platform, User
from webapp.config import PACKAGE
from webapp.credits.errors import InsufficientCredits

ROOT = PACKAGE.parent
FOLDER = PACKAGE / "translations" / "it" / "LC_MESSAGES"
PLACE = re.compile(r"%\(\w+\)[sd]|%%|\{\{|\}\}|</?\w+>")
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
# A sentence written today may wait for its translator, a page in two languages may not.
WAITING_AT_MOST = 0.02


@pytest.fixture(scope="module")
def italian() -> Catalog:
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="it")


def words(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def extracted() -> set[str]:
    """What the pages and modules say today, by the mappings that pybabel reads."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    options = {
        one["pattern"]: {key: value for key, value in one.items() if key not in ("pattern", "method")}
        for one in mappings
    }
    found = set()
    for folder in ("webapp", "templates"):
        for _file, _line, text, _comments, _context in extract_from_dir(
            str(ROOT / folder),
            method_map=[(pattern.removeprefix(f"{folder}/"), method) for pattern, method in methods],
            options_map={pattern.removeprefix(f"{folder}/"): given for pattern, given in options.items()},
            keywords=KEYWORDS,
            directory_filter=lambda _folder: True,
        ):
            found.add(forms(text)[0])
    return found


def test_every_sentence_of_the_catalogue_is_translated(italian: Catalog) -> None:
    empty = [message.id for message in words(italian) if not all(forms(message.string))]
    assert empty == []


def test_a_translation_has_the_places_of_its_sentence(italian: Catalog) -> None:
    wrong = [
        (source, translation)
        for message in words(italian)
        for source, translation in zip(forms(message.id), forms(message.string), strict=True)
        if set(PLACE.findall(source)) != set(PLACE.findall(translation))
    ]
    assert wrong == []


def test_hardly_a_sentence_of_the_pages_waits_for_its_translation(italian: Catalog) -> None:
    said = extracted()
    waiting = said - {forms(message.id)[0] for message in words(italian)}
    assert len(said) > 1000
    assert len(waiting) <= WAITING_AT_MOST * len(said), sorted(waiting)


def test_the_compiled_catalogue_is_that_of_the_readable_one(italian: Catalog) -> None:
    compiled = BytesIO()
    write_mo(compiled, italian)
    assert (FOLDER / "messages.mo").read_bytes() == compiled.getvalue()


@pytest.mark.parametrize(
    "address", ["/", "/campaigns", "/lists", "/reports", "/buy", "/assign", "/ledger", "/people"]
)
def test_every_page_speaks_italian_when_asked(client: FlaskClient, admin: User, address: str) -> None:
    sign_in(client, admin)
    client.set_cookie("language", "it")
    page = client.get(address)
    assert page.status_code == 200
    assert '<html lang="it"' in page.text
    assert "Piattaforma" in page.text
    assert "Skip to the content" not in page.text


def test_what_the_ledger_refuses_is_said_in_the_language_of_the_page(
    client: FlaskClient, operator: User, platform: Platform
) -> None:
    sign_in(client, operator)
    client.set_cookie("language", "it")
    typed = {"credits": "5", "expires_on": "2020-01-01", "reason": "bonus"}
    refused = client.post(f"/operator/platforms/{platform.id}/grant", data=typed)
    assert refused.status_code == 422
    assert "dopo oggi, ora italiana" in refused.text
    with client.application.test_request_context(headers={"Cookie": "language=it"}):
        sentence = InsufficientCredits([], needed=12_000, available=500).sentence
    assert sentence.endswith("ne servono 12.000 e ce ne sono 500 disponibili.")
