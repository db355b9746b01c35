"""How many statements a page takes: the same for one row as for many."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.campaigns.makers import ADA, NOW, confirmed, grant, italians, make_list
from tests.personas import sign_in
from webapp.campaigns import drafts
from webapp.campaigns.drafts import Draft
from webapp.db import db


@contextmanager
def statements():
    """The statements of campaigns that are run meanwhile; those of the frame and the widget are not ours."""
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        if any(word in statement for word in ("campaign", "message", "recipient_list", "receipt")):
            seen.append(statement)

    engine = db.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def counted(client, url):
    client.get(url)
    with statements() as seen:
        assert client.get(url).status_code == 200
    assert seen, "nothing was counted"
    return seen


@pytest.fixture
def ada(client, marketer):
    return sign_in(client, marketer)


def test_the_list_of_campaigns_takes_five_statements_however_many_there_are(ada, platform):
    confirmed(platform.id, count=1)
    few = counted(ada, "/campaigns")
    for _ in range(8):
        confirmed(platform.id, count=2)
    many = counted(ada, "/campaigns")
    assert len(few) == len(many) <= 7, "\n\n".join(many)


def test_a_campaign_takes_as_many_statements_with_one_message_as_with_sixty(ada, platform):
    one, sixty = confirmed(platform.id, count=1), confirmed(platform.id, count=60)
    few = counted(ada, f"/campaigns/{one.campaign_id}")
    many = counted(ada, f"/campaigns/{sixty.campaign_id}")
    assert len(few) == len(many) <= 7, "\n\n".join(many)


def test_a_message_takes_few_statements(ada, platform):
    made = confirmed(platform.id, count=1)
    seen = counted(ada, f"/campaigns/{made.campaign_id}/messages/{made.message_ids[0]}")
    assert len(seen) <= 8, "\n\n".join(seen)


def test_compose_takes_as_many_statements_for_one_list_as_for_several(ada, platform):
    grant(platform.id, 100, NOW)
    lists = [make_list(platform.id, f"List {n}", italians(2, n * 10)) for n in range(4)]

    def page(list_ids):
        content = Draft("x", "SHOP", "Hi {first_name}", "", tuple(list_ids))
        draft = drafts.create_draft(platform.id, content, actor=ADA, now=NOW)
        return counted(ada, f"/campaigns/{draft.id}/compose")

    assert len(page(lists[:1])) == len(page(lists))
