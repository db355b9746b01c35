"""A list with people, for the tests of pages."""

import pytest
from sqlalchemy.orm import Session

from tests.audience.scenes import NOW, make_list
from webapp.accounts.models import Platform
from webapp.audience import recipients
from webapp.audience.models import Recipient, RecipientList


@pytest.fixture
def customers(database: Session, platform: Platform) -> RecipientList:
    return make_list(platform)


@pytest.fixture
def ada(customers: RecipientList) -> Recipient:
    return recipients.add_recipient(
        customers.platform_id, customers.id, 393331234567, "IT", {"first_name": "Ada"}, now=NOW
    )
