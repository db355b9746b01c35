"""Files into lists: what is taken, what is refused, what is never undone."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.audience.scenes import NOW, bring_in, csv_file, make_list
from webapp.accounts.models import Platform
from webapp.audience import recipients, snapshots
from webapp.audience.models import ImportRefusal, Recipient, RecipientChunk


def people(session: Session, list_id: int) -> dict[int, dict[str, str]]:
    found = session.scalars(select(Recipient).where(Recipient.list_id == list_id))
    return {each.phone: each.fields for each in found}


def test_a_file_becomes_recipients_with_country_and_fields(database: Session, platform: Platform) -> None:
    customers = make_list(platform)
    done = bring_in(
        platform,
        customers,
        csv_file(
            [
                ["Phone", "First name", "City"],
                ["+393331234567", "Ada", "Roma"],
                ["333 7654321", "Zoë", ""],
                ["+4915123456789", 'O"Neil \\ {x}', "Köln"],
                ["call me", "Nobody", ""],
                ["", "Nobody", "Bari"],
            ]
        ),
    )
    assert (done.status, done.added, done.updated, done.unchanged, done.refused) == ("done", 3, 0, 0, 2)
    assert done.rows_read == 5
    assert people(database, customers.id) == {
        393331234567: {"first_name": "Ada", "city": "Roma"},
        393337654321: {"first_name": "Zoë"},
        4915123456789: {"first_name": 'O"Neil \\ {x}', "city": "Köln"},
    }
    refused = database.scalars(select(ImportRefusal).order_by(ImportRefusal.row)).all()
    assert [(each.row, each.cells[1]) for each in refused] == [(5, "Nobody"), (6, "Nobody")]
    loaded = snapshots.load_audience(platform.id, [customers.id]).lists[0]
    assert loaded.phones.tolist() == [393331234567, 393337654321, 4915123456789]
    assert list(loaded.fields["first_name"]) == ["Ada", "Zoë", 'O"Neil \\ {x}']
    assert list(loaded.fields["city"]) == ["Roma", "", "Köln"]
    assert not loaded.flags.any()
    assert not database.scalars(select(RecipientChunk.id).where(RecipientChunk.dirty)).all()
