"""Settings, read from the environment once; a missing or wrong one fails with a sentence."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


class SettingError(Exception):
    """A setting that cannot be used; its text is the sentence to show."""


def resources(name: str) -> Path:
    """The folder `templates` or `static`: beside the package in the tree, inside it in a wheel."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@dataclass(frozen=True)
class Mail:
    """The SMTP server that takes our mail."""

    host: str
    port: int
    encryption: str  # "none", "starttls" or "tls"
    user: str | None
    password: str | None


@dataclass(frozen=True)
class Settings:
    """What the installation may set; README.md has the table of them."""

    database_url: str | None
    instance: Path
    secret_key: str
    address: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    trusted_proxies: int = 0
    session_hours: int = 12
    session_idle_minutes: int = 120
    mail: Mail | None = None
    mail_sender: str = "sms-credits@localhost"
    gateway: str = "sandbox"
    sandbox_port: int = 8010
    web_workers: int = 2
    worker_jobs: int = 4
    log_level: str = "INFO"
    postgres_bin: Path | None = None
    postgres_user: str | None = None


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises `SettingError`."""
    instance = Path(environ.get("SMS_CREDITS_INSTANCE", "instance")).absolute()
    return Settings(
        database_url=environ.get("DATABASE_URL"),
        instance=instance,
        secret_key=environ.get("SECRET_KEY") or kept_secret(instance / "secret_key"),
    )


def kept_secret(path: Path) -> str:
    """The installation's own secret: generated at the first start, kept for the next ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text().strip()
