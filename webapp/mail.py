"""Mail: enqueued with the transaction it belongs to and sent by the worker, or written to the log.

So a page never waits for a mail server, and one that is down for a while loses nothing.
"""

import base64
import logging
import smtplib
import ssl
from collections.abc import Sequence
from typing import Any

from flask import current_app
from flask_mailman import EmailMessage
from flask_mailman.backends.base import BaseEmailBackend

from webapp import config, jobs

TIMEOUT_S = 30.0
log = logging.getLogger(__name__)


class EmailBackend(BaseEmailBackend):  # type: ignore[misc]
    """What Flask-Mailman hands its messages to."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            send(message)
        return len(email_messages)


def send(message: EmailMessage) -> None:
    """Enqueues the mail; without a mail server, writes it to the log at once."""
    if settings().mail is None:
        log.warning(
            "No mail server is set (SMS_CREDITS_SMTP_HOST); this mail goes to the log:\n%s", shown(message)
        )
        return
    raw = base64.b64encode(message.message().as_bytes()).decode("ascii")
    deliver.enqueue(sender=message.from_email, recipients=message.recipients(), raw=raw)


def settings() -> config.Settings:
    found: config.Settings = current_app.config["SETTINGS"]
    return found


def shown(message: EmailMessage) -> str:
    """The mail as a person reads it."""
    return f"To: {', '.join(message.recipients())}\nSubject: {message.subject}\n\n{message.body}"


@jobs.task(name="mail.deliver", queue="mail")
def deliver(sender: str, recipients: list[str], raw: str) -> None:
    """Hands the mail to the SMTP server; tried again while that refuses or cannot be reached."""
    server = settings().mail
    if server is None:
        raise config.SettingError("A mail waits, but SMS_CREDITS_SMTP_HOST is not set where the worker runs.")
    with connect(server) as connection:
        if server.user and server.password:
            connection.login(server.user, server.password)
        connection.sendmail(sender, recipients, base64.b64decode(raw))


def connect(server: config.Mail) -> Any:
    """A connection to the SMTP server, encrypted as the settings say."""
    if server.encryption == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    if server.encryption == "starttls":
        connection.starttls(context=ssl.create_default_context())
    return connection
