"""Settings: read from the environment, and a wrong one is refused with a sentence that names it."""

import os
import stat
from pathlib import Path

import pytest

from webapp import config

LONG_SECRET = "0123456789" * 4


def read(tmp_path: Path, **environ: str) -> config.Settings:
    return config.read({"SMS_CREDITS_INSTANCE": str(tmp_path), **environ})


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.database_url is None
    assert settings.url == "http://127.0.0.1:8000"
    assert settings.mail is None


def test_the_secret_is_generated_once_kept_and_private(tmp_path: Path) -> None:
    first, second = read(tmp_path), read(tmp_path)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= config.SECRET_MIN_CHARACTERS
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert read(tmp_path / "a").secret_key != read(tmp_path / "b").secret_key


def test_a_secret_that_another_process_wrote_first_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text(LONG_SECRET)
    config.write_once(path, "later")
    assert read(tmp_path).secret_key == LONG_SECRET
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret_key"]


def test_an_instance_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(config.SettingError, match="SMS_CREDITS_INSTANCE"):
        read(tmp_path / "file" / "instance")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_one_address(tmp_path: Path, scheme: str) -> None:
    settings = read(tmp_path, DATABASE_URL=f"{scheme}://me:pass%2Fword@db:5433/sms?sslmode=require")
    assert settings.database_url == "postgresql+psycopg://me:pass%2Fword@db:5433/sms?sslmode=require"


def test_earlier_secret_keys_are_read_in_their_order(tmp_path: Path) -> None:
    assert read(tmp_path).secret_key_fallbacks == ()
    newer, older = "n" * 32, "o" * 32
    assert read(tmp_path, SECRET_KEY_FALLBACKS=f"{newer}, {older},").secret_key_fallbacks == (newer, older)


def test_an_empty_setting_counts_as_unset(tmp_path: Path) -> None:
    assert read(tmp_path, DATABASE_URL=" ", SMS_CREDITS_PORT="").port == 8000


WRONG = {
    "DATABASE_URL": ["mysql://h/d", "sqlite:///x", "postgresql://host", "nonsense"],
    "SECRET_KEY": ["short", "x" * 31],
    "SECRET_KEY_FALLBACKS": ["short", f"{'x' * 32},short"],
    "SMS_CREDITS_PORT": ["0", "65536", "http", "8000.0", "-1", "٨٠٠٠"],
    "SMS_CREDITS_TRUSTED_PROXIES": ["-1", "yes"],
    "SMS_CREDITS_SESSION_HOURS": ["0", "721"],
    "SMS_CREDITS_SESSION_IDLE_MINUTES": ["0", "half"],
    "SMS_CREDITS_PUBLIC_URL": ["sms.example.com", "ftp://x", "https://x/path", "https://"],
    "SMS_CREDITS_SMTP_PORT": ["99999"],
    "SMS_CREDITS_SMTP_ENCRYPTION": ["ssl3"],
    "SMS_CREDITS_SMTP_USER": ["me"],
    "SMS_CREDITS_SMTP_PASSWORD": ["secret"],
    "SMS_CREDITS_MAIL_FROM": ["nobody", "a b@example.com", "@example.com", "x@"],
    "SMS_CREDITS_LOG_LEVEL": ["LOUD"],
    "SMS_CREDITS_WEB_PROCESSES": ["0", "65"],
    "SMS_CREDITS_WORKER_JOBS": ["0", "65"],
    "SMS_CREDITS_SANDBOX_PORT": ["0"],
    "SMS_CREDITS_POSTGRES_BIN": ["/nowhere"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(config.SettingError, match=name):
        read(tmp_path, **{name: value})


def test_smtp_with_a_password_but_no_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(config.SettingError, match="SMS_CREDITS_SMTP_HOST"):
        read(tmp_path, SMS_CREDITS_SMTP_USER="me", SMS_CREDITS_SMTP_PASSWORD="word")


@pytest.mark.parametrize(("encryption", "port"), [("none", 25), ("STARTTLS", 587), ("tls", 465)])
def test_the_mail_port_follows_from_the_encryption(tmp_path: Path, encryption: str, port: int) -> None:
    settings = read(tmp_path, SMS_CREDITS_SMTP_HOST="mail", SMS_CREDITS_SMTP_ENCRYPTION=encryption)
    assert settings.mail is not None
    assert (settings.mail.encryption, settings.mail.port) == (encryption.lower(), port)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.0.0.7", "http://10.0.0.7:8000"),
    ],
)
def test_the_address_that_is_shown_can_be_typed(tmp_path: Path, address: str, url: str) -> None:
    assert read(tmp_path, SMS_CREDITS_ADDRESS=address).url == url


def test_the_public_address_goes_before_our_own(tmp_path: Path) -> None:
    assert read(tmp_path, SMS_CREDITS_PUBLIC_URL="https://sms.example.com/").url == "https://sms.example.com"


def test_settings_come_from_the_process_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SMS_CREDITS_INSTANCE", str(tmp_path))
    assert config.read().instance == tmp_path
