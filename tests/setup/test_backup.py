"""Backup and restore, with the real tools on real databases."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from flask import Flask

from tests.conftest import Databases
from tests.personas import make_person, make_platform
from webapp import clock
from webapp.cli import group
from webapp.credits import engine
from webapp.credits.terms import SYSTEM
from webapp.db import db, transaction
from webapp.processes import postgres

Run = Callable[..., "object"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command on a database, as the installed program would."""

    def run(database_url: str, *words: str) -> object:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("SMS_CREDITS_INSTANCE", str(tmp_path))
        return CliRunner().invoke(group, list(words))

    return run


@pytest.fixture
def granted(committed_app: Flask) -> int:
    """A platform with 700 credits; its id."""
    with committed_app.app_context():
        with transaction():
            platform = make_platform("Backed up")
            make_person(platform, "admin")
            engine.grant(
                platform.id, 700, expires_on=None, reason="x", actor=SYSTEM, now=clock.now(), key="k"
            )
        found = platform.id
        db.session.remove()
    return found


def test_what_was_backed_up_comes_back(
    run: Run, granted: int, committed: str, databases: Databases, tmp_path: Path
) -> None:
    file = tmp_path / "credits.backup"
    assert run(committed, "backup", str(file)).exit_code == 0
    name = databases.create()
    try:
        elsewhere = databases.url(name)
        restored = run(elsewhere, "restore", str(file))
        assert restored.exit_code == 0, restored.output
        verified = run(elsewhere, "ledger", "verify")
        assert verified.exit_code == 0, verified.output
        history = run(elsewhere, "ledger", "history", "--platform", str(granted))
        assert "700" in history.output
        refused = run(elsewhere, "restore", str(file))
        assert refused.exit_code == 1
        assert "There are people in this installation" in refused.output
    finally:
        databases.drop(name)


def test_a_backup_is_private_and_never_overwrites(run: Run, committed: str, tmp_path: Path) -> None:
    file = tmp_path / "credits.backup"
    assert run(committed, "backup", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    again = run(committed, "backup", str(file))
    assert again.exit_code == 1
    assert file.read_bytes() == before


def test_a_file_that_is_no_backup_is_refused_with_the_tools_words(
    run: Run, databases: Databases, tmp_path: Path
) -> None:
    file = tmp_path / "nonsense"
    file.write_text("nonsense")
    name = databases.create()
    try:
        refused = run(databases.url(name), "restore", str(file))
        assert refused.exit_code == 1
        assert "pg_restore failed" in refused.output
    finally:
        databases.drop(name)


def test_half_a_backup_is_not_restored(
    run: Run, granted: int, committed: str, databases: Databases, tmp_path: Path
) -> None:
    file = tmp_path / "credits.backup"
    assert run(committed, "backup", str(file)).exit_code == 0
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 3 // 4])
    name = databases.create()
    try:
        refused = run(databases.url(name), "restore", str(file))
        assert refused.exit_code == 1
        assert "failed" in refused.output
        with psycopg.connect(postgres.libpq(databases.url(name))) as connection:
            tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert tables.fetchone() == (0,)
    finally:
        databases.drop(name)


def test_a_failed_backup_leaves_no_file(
    run: Run, committed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "disk full")
    monkeypatch.setattr("webapp.backup.subprocess.run", lambda *_args, **_options: failed)
    file = tmp_path / "credits.backup"
    refused = run(committed, "backup", str(file))
    assert refused.exit_code == 1
    assert "disk full" in refused.output
    assert list(tmp_path.glob("credits*")) == []
