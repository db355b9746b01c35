"""One of every object of a platform, made through the real use cases, for tests that walk all addresses."""

from dataclasses import dataclass

from werkzeug.routing import Rule

from tests.audience.scenes import bring_in, csv_file
from tests.campaigns.makers import confirmed
from webapp import clock
from webapp.accounts.models import Platform, User
from webapp.audience import lists, recipients, suppression
from webapp.campaigns import drafts, singles
from webapp.campaigns.drafts import Draft
from webapp.credits import engine
from webapp.credits.movement_query import Filters
from webapp.credits.terms import Actor
from webapp.pricing.numbers import Phone
from webapp.reports import exports
from webapp.shop.orders import mark_paid, place_order
from webapp.shop.packages import Terms, create_package, listed_package

BLOCKED = 393_330_009_999


@dataclass(frozen=True)
class World:
    """What stands in the addresses of the platform's things, by the name of the address's part."""

    parts: dict[str, object]
    drafts: dict[str, object]

    def address(self, rule: str) -> str:
        """The address of a rule with this platform's own things in it. Raises `KeyError` for a new part."""
        address = ""
        for piece in rule.split("<"):
            name, found, rest = piece.partition(">")
            address += f"{self.parts[name.rpartition(':')[2]]}{rest}" if found else piece
        return address

    def own_address(self, rule: Rule) -> str:
        """The same, with the draft or the single message where the rule is about one."""
        instead = {
            "campaigns.compose": {"campaign_id": self.drafts["campaign_id"]},
            "campaigns.single": {"message_id": self.drafts["message_id"]},
        }
        return World(self.parts | instead.get(rule.endpoint, {}), {}).address(rule.rule)


def make_world(platform: Platform, admin: User, operator: User) -> World:
    """Lists, an import, campaigns, messages, orders, a file, people: all of one platform."""
    ada, olga, now = Actor(admin.id, admin.name), Actor(operator.id, operator.name), clock.now()
    engine.grant(platform.id, 5_000, expires_on=None, reason="a test", actor=olga, now=now, key="world")
    people = lists.create_list(platform.id, "Shop customers", now=now)
    person = recipients.add_recipient(
        platform.id, people.id, 393_330_000_001, "IT", {"first_name": "Ida"}, now=now
    )
    task = bring_in(platform, people, csv_file([["phone"], ["+39 333 000 0002"], ["not a number"]]))
    suppression.do_not_contact(platform.id, [BLOCKED], reason="asked", by=ada.name, now=now)
    sent = confirmed(platform.id, count=2)
    draft = drafts.create_draft(
        platform.id, Draft("Spring", "SHOP", "Hi", "", (people.id,)), actor=ada, now=now
    )
    single = singles.send_single(
        platform.id, Phone("+393330000003", "IT"), "Hi", "SHOP", actor=ada, now=now, key="s"
    )
    package_id = create_package(Terms(1_000, 24, 5_000, 4_500), actor=olga, now=now)
    order = _order(platform.id, package_id, ada, now)
    mark_paid(order.id, reference="bank 1", actor=olga, now=now)
    file = _file(platform.id, ada, now)
    return World(
        parts={
            "campaign_id": sent.campaign_id,
            "campaign_key": sent.campaign_id,
            "export_id": file.id,
            "filename": "app.css",
            "import_id": task.id,
            "kind": "csv",
            "list_id": people.id,
            "list_key": people.id,
            "message_id": sent.message_ids[0],
            "name": "world_rates",
            "order_id": order.id,
            "package_id": package_id,
            "person_id": admin.id,
            "phone": BLOCKED,
            "platform_id": platform.id,
            "recipient_id": person.id,
            "token": "nonsense",
        },
        drafts={"campaign_id": draft.id, "message_id": single.id},
    )


def _order(platform_id, package_id, actor, now):
    listed = listed_package(package_id)
    assert listed
    terms_id = listed.terms.id
    return place_order(platform_id, terms_id=terms_id, currency="EUR", key="world key", actor=actor, now=now)


def _file(platform_id, actor, now):
    """The ledger as a file, made whole."""
    order = exports.ledger_order(
        platform_id,
        Filters(),
        1,
        format="csv",
        language="en",
        by_id=actor.id,
        by_name=actor.name,
        today=now.date(),
    )
    export = exports.start(order, now=now)
    exports.make(export.id, now=clock.now)
    return export
