"""A platform, two of its lists, and the audit of the books after a test."""

import pytest

from tests.credits.ledgers import make_list
from tests.personas import make_platform
from webapp.credits import engine


@pytest.fixture
def platform(database):
    return make_platform().id


@pytest.fixture
def shop(platform):
    return make_list(platform, "Shop")


@pytest.fixture
def vip(platform):
    return make_list(platform, "VIP")


@pytest.fixture
def the_books_are_right(database):
    yield
    assert engine.verify() == ()
