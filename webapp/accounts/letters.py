"""The few letters that people get: by webapp/mail.py to an SMTP server, else into the log."""

from typing import Any, ClassVar, Literal
from urllib.parse import urljoin

from flask import current_app, has_request_context, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_mailman import EmailMessage
from flask_security import MailUtil
from flask_security.recoverable import generate_reset_password_token

from webapp.accounts import invitations
from webapp.accounts.models import User
from webapp.config import Settings

Kind = Literal["invitation", "reset", "changed"]
SUBJECTS = {
    "invitation": lambda: _("You are invited to SMS Credits"),
    "reset": lambda: _("Choose a new password"),
    "changed": lambda: _("Your password was changed"),
}


def settings() -> Settings:
    given: Settings = current_app.config["SETTINGS"]
    return given


def leave_the_house() -> bool:
    """Whether letters really leave; if not, pages show the link that one would have carried."""
    return settings().mail is not None


def public_address() -> str:
    """Where people reach this installation: what is set, else where this request came in.

    A letter that leaves the house never trusts the request, whose host is named by whoever asks for it.
    """
    if settings().public_url is None and not leave_the_house() and has_request_context():
        return request.host_url
    return settings().url


def invitation_link(person: User, address: str) -> str:
    return urljoin(address, f"/invitation/{invitations.token(person)}")


def reset_link(person: User, address: str) -> str:
    token = generate_reset_password_token(person)  # type: ignore[no-untyped-call]
    return urljoin(address, f"/password/reset/{token}")


LINKS = {"invitation": invitation_link, "reset": reset_link}


def write(person: User, kind: Kind) -> tuple[str, str]:
    """Subject and text of a letter, in the person's or the platform's language."""
    platform = person.platform
    language = person.language or (platform.language if platform else "en")
    address = public_address()
    link = LINKS[kind](person, address) if kind in LINKS else urljoin(address, "/password/reset")
    with force_locale(language):
        body = render_template(f"accounts/letters/{kind}.txt", person=person, platform=platform, link=link)
        return SUBJECTS[kind](), body


def send(person: User, kind: Kind) -> None:
    """Sends it within the transaction under way, unless the person has no address (any more)."""
    if person.email and person.active:
        subject, body = write(person, kind)
        EmailMessage(subject, body, to=[person.email]).send()


class HouseMail(MailUtil):
    """Flask-Security's letters, in our words."""

    KINDS: ClassVar[dict[str, Kind]] = {
        "security/email/reset_instructions": "reset",
        "security/email/reset_notice": "changed",
        "security/email/change_notice": "changed",
    }

    def send_mail(self, template: str, *_rendered: Any, **context: Any) -> None:
        send(context["user"], self.KINDS[template])
