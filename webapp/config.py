"""Settings, read from the environment once; a missing or wrong one fails with a sentence."""

import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PACKAGE = Path(__file__).resolve().parent
SECRET_MIN_CHARACTERS = 32
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ENCRYPTIONS = {"none": 25, "starttls": 587, "tls": 465}


class SettingError(Exception):
    """A setting that cannot be used; its text is the sentence to show."""


def resources(name: str) -> Path:
    """The folder `templates` or `static`: beside the package in the tree, inside it in a wheel."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@dataclass(frozen=True)
class Mail:
    """The SMTP server that takes our mail; `encryption` is one of ENCRYPTIONS."""

    host: str
    port: int
    encryption: str
    user: str | None
    password: str | None


@dataclass(frozen=True)
class Settings:
    """What the installation may set; README.md has the table of them."""

    database_url: str | None
    instance: Path
    secret_key: str
    secret_key_fallbacks: tuple[str, ...] = ()
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
    web_processes: int = 2
    worker_jobs: int = 4
    upload_mb: int = 512
    log_level: str = "INFO"
    postgres_bin: Path | None = None
    postgres_user: str | None = None

    @property
    def url(self) -> str:
        """Where people find the pages, without a closing slash."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        shown = "127.0.0.1" if self.address in ("0.0.0.0", "::") else host  # noqa: S104
        return self.public_url or f"http://{shown}:{self.port}"


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises `SettingError`."""
    instance = Path(text(environ, "SMS_CREDITS_INSTANCE") or "instance").absolute()
    return Settings(
        database_url=database_url(environ),
        instance=instance,
        secret_key=secret_key(environ, instance),
        secret_key_fallbacks=secret_key_fallbacks(environ),
        address=text(environ, "SMS_CREDITS_ADDRESS") or "127.0.0.1",
        port=number(environ, "SMS_CREDITS_PORT", 8000, 1, 65535),
        public_url=public_url(environ),
        trusted_proxies=number(environ, "SMS_CREDITS_TRUSTED_PROXIES", 0, 0, 9),
        session_hours=number(environ, "SMS_CREDITS_SESSION_HOURS", 12, 1, 720),
        session_idle_minutes=number(environ, "SMS_CREDITS_SESSION_IDLE_MINUTES", 120, 1, 10_080),
        mail=mail(environ),
        mail_sender=mail_sender(environ),
        gateway=text(environ, "SMS_CREDITS_GATEWAY") or "sandbox",
        sandbox_port=number(environ, "SMS_CREDITS_SANDBOX_PORT", 8010, 1, 65535),
        web_processes=number(environ, "SMS_CREDITS_WEB_PROCESSES", 2, 1, 64),
        worker_jobs=number(environ, "SMS_CREDITS_WORKER_JOBS", 4, 1, 64),
        upload_mb=number(environ, "SMS_CREDITS_UPLOAD_MB", 512, 1, 16_384),
        log_level=one_of(environ, "SMS_CREDITS_LOG_LEVEL", "INFO", LOG_LEVELS),
        postgres_bin=postgres_bin(environ),
        postgres_user=text(environ, "SMS_CREDITS_POSTGRES_USER"),
    )


def text(environ: Mapping[str, str], name: str) -> str | None:
    """The setting without spaces around it; an empty one counts as unset."""
    return environ.get(name, "").strip() or None


def number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    given = text(environ, name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit()) or not least <= int(given) <= most:
        raise SettingError(f"{name} is {given!r}; give a whole number from {least} to {most}.")
    return int(given)


def one_of(environ: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    given = text(environ, name) or default
    for value in known:
        if given.lower() == value.lower():
            return value
    raise SettingError(f"{name} is {given!r}; give one of {', '.join(known)}.")


def database_url(environ: Mapping[str, str]) -> str | None:
    """The address of a PostgreSQL, as SQLAlchemy wants it; None for the embedded one."""
    given = text(environ, "DATABASE_URL")
    if given is None:
        return None
    scheme, _, rest = given.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+psycopg") or not urlsplit(given).path.strip("/"):
        raise SettingError(
            "DATABASE_URL must name a database of PostgreSQL, such as "
            "postgresql://user:password@host:5432/sms_credits. Leave it unset for the embedded server."
        )
    return f"postgresql+psycopg://{rest}"


def secret_key(environ: Mapping[str, str], instance: Path) -> str:
    """What signs sessions and links: set, or generated at the first start and kept in `instance`."""
    given = text(environ, "SECRET_KEY")
    if given is None:
        return kept_secret(instance / "secret_key", "SECRET_KEY")
    if len(given) < SECRET_MIN_CHARACTERS:
        raise SettingError(
            f"SECRET_KEY has {len(given)} characters; give at least {SECRET_MIN_CHARACTERS} random ones, "
            "or leave it unset and one is generated."
        )
    return given


def secret_key_fallbacks(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Secrets that were replaced, the newest first: what they signed stays good until it ends by itself."""
    given = text(environ, "SECRET_KEY_FALLBACKS") or ""
    keys = tuple(key.strip() for key in given.split(",") if key.strip())
    if any(len(key) < SECRET_MIN_CHARACTERS for key in keys):
        raise SettingError(
            f"SECRET_KEY_FALLBACKS has a key of fewer than {SECRET_MIN_CHARACTERS} characters; give the "
            "whole keys that SECRET_KEY was before, with commas between them."
        )
    return keys


def kept_secret(path: Path, setting: str) -> str:
    """The secret in this file; whichever process comes first makes it, whole or not at all.

    `setting` is what may be set instead: it must be, where several machines share a secret.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_once(path, secrets.token_urlsafe(48))
        return path.read_text().strip()
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read or written ({error.strerror}). Set SMS_CREDITS_INSTANCE to a folder "
            f"of your own, or {setting}."
        ) from error


def write_once(path: Path, words: str) -> None:
    """Puts the words where nothing is yet; what another process put there meanwhile stays."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(words)
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()


def public_url(environ: Mapping[str, str]) -> str | None:
    """The address people type when a proxy stands before us: links in mails, and cookies by https only."""
    given = text(environ, "SMS_CREDITS_PUBLIC_URL")
    if given is None:
        return None
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingError(
            f"SMS_CREDITS_PUBLIC_URL is {given!r}; give an address without a path, such as https://sms.example.com."
        )
    return given.rstrip("/")


def mail(environ: Mapping[str, str]) -> Mail | None:
    """The SMTP server; None when mails are to be written to the log instead."""
    host = text(environ, "SMS_CREDITS_SMTP_HOST")
    encryption = one_of(environ, "SMS_CREDITS_SMTP_ENCRYPTION", "starttls", tuple(ENCRYPTIONS))
    port = number(environ, "SMS_CREDITS_SMTP_PORT", ENCRYPTIONS[encryption], 1, 65535)
    user, password = text(environ, "SMS_CREDITS_SMTP_USER"), environ.get("SMS_CREDITS_SMTP_PASSWORD") or None
    if (user is None) != (password is None):
        raise SettingError(
            "SMS_CREDITS_SMTP_USER and SMS_CREDITS_SMTP_PASSWORD go together; set both or none."
        )
    if host is None and user is not None:
        raise SettingError("SMS_CREDITS_SMTP_USER is set, but SMS_CREDITS_SMTP_HOST is not.")
    return Mail(host, port, encryption, user, password) if host else None


def mail_sender(environ: Mapping[str, str]) -> str:
    given = text(environ, "SMS_CREDITS_MAIL_FROM") or "sms-credits@localhost"
    name, _, domain = given.rpartition("@")
    if not name or not domain or any(character.isspace() for character in given):
        raise SettingError(
            f"SMS_CREDITS_MAIL_FROM is {given!r}; give one mail address, such as sms@example.com."
        )
    return given


def postgres_bin(environ: Mapping[str, str]) -> Path | None:
    given = text(environ, "SMS_CREDITS_POSTGRES_BIN")
    if given is None:
        return None
    if not (Path(given) / "postgres").exists():
        raise SettingError(f"SMS_CREDITS_POSTGRES_BIN is {given!r}, but there is no `postgres` in it.")
    return Path(given)


def flask_settings(settings: Settings, database_url: str) -> dict[str, object]:
    """What Flask and its extensions read; a feature's own part is set where the feature is wired."""
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        "SETTINGS": settings,
        "UPLOAD_MB": settings.upload_mb,
        "SQLALCHEMY_DATABASE_URI": database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_pre_ping": True,
            "connect_args": {"application_name": "sms-credits", "options": "-c timezone=UTC"},
        },
        "PREFERRED_URL_SCHEME": urlsplit(settings.url).scheme,
        "MAIL_BACKEND": "webapp.mail.EmailBackend",
        "MAIL_DEFAULT_SENDER": settings.mail_sender,
    }


class UtcFormatter(logging.Formatter):
    """One line a record, its instant in UTC."""

    converter = staticmethod(time.gmtime)


def set_up_log(settings: Settings) -> None:
    """Everything is logged to standard error; whoever started us decides where that goes."""
    handler = logging.StreamHandler()
    line = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(UtcFormatter(line, datefmt="%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for chatty in ("procrastinate", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
