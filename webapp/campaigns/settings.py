"""Settings of sending: which gateway, how to reach it, how much at a time, and how the sandbox misbehaves."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, current_app

from webapp.config import SettingError, Settings, kept_secret

KEY = "SMS_CREDITS_GATEWAY_KEY"
KEY_FILE = "gateway.key"
EXTENSION = "sms_credits.sending"


@dataclass(frozen=True)
class Mischief:
    """How the sandbox misbehaves: shares of messages from 0 to 1, delays in seconds, drawn by `seed`."""

    refused_share: float = 0.0
    failed_share: float = 0.0
    lost_answer_share: float = 0.0
    answer_delay_s: float = 0.0
    receipt_delay_s: float = 2.0
    seed: str = "sandbox"


@dataclass(frozen=True)
class SendingSettings:
    """How this installation sends. `key` signs in both directions and is never shown."""

    gateway: str
    url: str
    key: str
    receipts_url: str
    store: Path
    batch_messages: int
    lease_s: float
    timeout_s: float
    mischief: Mischief

    @property
    def port(self) -> int:
        """Where the sandbox listens, on the loopback."""
        return urlsplit(self.url).port or 80


def read(settings: Settings, environ: Mapping[str, str] = os.environ) -> SendingSettings:
    """The settings of sending. Raises `SettingError` with a sentence for one that cannot be used."""
    sandbox_url = f"http://127.0.0.1:{settings.sandbox_port}"
    receipts_url = f"http://127.0.0.1:{settings.port}/gateways/{settings.gateway}/receipts"
    store = environ.get("SMS_CREDITS_SANDBOX_STORE") or settings.instance / "sandbox-gateway.sqlite3"
    return SendingSettings(
        gateway=settings.gateway,
        url=address(environ, "SMS_CREDITS_GATEWAY_URL", sandbox_url),
        key=environ.get(KEY) or kept_secret(settings.instance / KEY_FILE, KEY),
        receipts_url=address(environ, "SMS_CREDITS_RECEIPTS_URL", receipts_url),
        store=Path(store),
        batch_messages=int(number(environ, "SMS_CREDITS_BATCH_MESSAGES", 500, 1, 10_000)),
        lease_s=number(environ, "SMS_CREDITS_LEASE_S", 60, 0.1, 3600),
        timeout_s=number(environ, "SMS_CREDITS_GATEWAY_TIMEOUT_S", 20, 0.1, 600),
        mischief=read_mischief(environ),
    )


def read_mischief(environ: Mapping[str, str]) -> Mischief:
    prefix = "SMS_CREDITS_SANDBOX_"
    return Mischief(
        refused_share=number(environ, prefix + "REFUSED_SHARE", 0, 0, 1),
        failed_share=number(environ, prefix + "FAILED_SHARE", 0, 0, 1),
        lost_answer_share=number(environ, prefix + "LOST_ANSWER_SHARE", 0, 0, 1),
        answer_delay_s=number(environ, prefix + "ANSWER_DELAY_S", 0, 0, 600),
        receipt_delay_s=number(environ, prefix + "RECEIPT_DELAY_S", 2, 0, 86_400),
        seed=environ.get(prefix + "SEED", "sandbox"),
    )


def number(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environ.get(name, "")
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise SettingError(f"{name} is {text!r}; give a number from {least:g} to {most:g}.")
    return value


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    url = environ.get(name) or default
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError(f"{name} is {url!r}; give an address such as {default}.")
    return url.rstrip("/")


def init_app(app: Flask) -> None:
    """Reads the settings of sending, so that a wrong one is refused at the start and not by the first job."""
    app.extensions[EXTENSION] = read(app.config["SETTINGS"])


def current() -> SendingSettings:
    """The settings of sending of the running application."""
    found: SendingSettings = current_app.extensions[EXTENSION]
    return found
