"""`sms-credits platform` and `sms-credits user`: the first people of an installation."""

import json
import zoneinfo
from collections.abc import Callable
from typing import Any

import click
from email_validator import EmailNotValidError
from flask import current_app
from sqlalchemy import select

from webapp.accounts import letters, people, platforms
from webapp.accounts.models import CURRENCIES, LANGUAGES, ROLES, Platform, User
from webapp.db import db, transaction
from webapp.errors import Refused
from webapp.processes import running


class WrongAddress(Refused):
    """What was given is no mail address."""

    slug = "invalid-request"


class NoSuchPlatform(Refused):
    slug = "not-found"


@click.group()
def platform() -> None:
    """The platforms of this installation."""


@click.group()
def user() -> None:
    """The people of this installation."""


as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@platform.command("create")
@click.option("--name", required=True)
@click.option("--admin-email", required=True, help="Gets an invitation.")
@click.option("--admin-name", required=True)
@click.option("--time-zone", default="Europe/Rome", show_default=True)
@click.option("--currency", type=click.Choice(CURRENCIES), default="EUR", show_default=True)
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@as_json
def create_platform(time_zone: str, as_json: bool, **given: Any) -> None:
    """Create a platform and invite its first admin."""
    if time_zone not in zoneinfo.available_timezones():
        raise click.BadParameter(f"{time_zone} is no time zone; give one such as Europe/Rome.")
    with running.application(), transaction():
        made, admin = with_address(lambda: platforms.create(time_zone=time_zone, **given))
        tell({"id": made.id, "name": made.name}, admin, as_json)


@platform.command("list")
@as_json
def list_platforms(as_json: bool) -> None:
    """Every platform with its number, which other commands ask for."""
    with running.application():
        found = db.session.execute(select(Platform.id, Platform.name).order_by(Platform.id)).all()
    if as_json:
        click.echo(json.dumps([row._asdict() for row in found]))
        return
    for row in found:
        click.echo(f"{row.id:6}  {row.name}")


@user.command("create")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--platform", "platform_id", type=int, help="Its number; an operator has none.")
@as_json
def create_user(email: str, name: str, role: str, platform_id: int | None, as_json: bool) -> None:
    """Invite a person, the first operator of a new installation above all."""
    if (role == "operator") != (platform_id is None):
        raise click.UsageError("An operator belongs to no platform, everybody else to one: see --platform.")
    with running.application(), transaction():
        if platform_id is not None and db.session.get(Platform, platform_id) is None:
            raise NoSuchPlatform(f"There is no platform {platform_id}.")
        person = with_address(lambda: people.invite(platform_id, email=email, name=name, role=role))
        tell({"id": person.id, "email": person.email}, person, as_json)


def with_address(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except EmailNotValidError as error:
        raise WrongAddress(f"This is no mail address: {error}") from error


def tell(facts: dict[str, Any], person: User, as_json: bool) -> None:
    """Sends the invitation and writes what was made, with the link, for nobody may have a mail server yet."""
    with current_app.test_request_context(base_url=letters.settings().url):  # a letter is a page, too
        letters.send(person, "invitation")
        link = letters.invitation_link(person, letters.public_address())
    if as_json:
        click.echo(json.dumps({**facts, "invitation": link}))
    else:
        words = ", ".join(f"{name} {value}" for name, value in facts.items())
        click.echo(f"Created: {words}.\n{person.email} chooses a password here, within a week:\n{link}")
