"""`sms-credits import` as a program runs it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from tests.audience.scenes import csv_file
from tests.personas import make_platform
from webapp.audience import importing
from webapp.cli import group
from webapp.db import db, transaction

ROOT = Path(__file__).resolve().parents[2]


def run(app: Flask, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SMS_CREDITS_INSTANCE": app.instance_path,
        "SECRET_KEY": "a secret for tests only, long enough",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "webapp", "import", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_is_imported_from_the_command_line(committed_app: Flask, tmp_path: Path) -> None:
    app = committed_app
    with app.app_context(), transaction():
        make_platform("Aurora")
    rows = [
        ["Phone", "Name", "Note"],
        ["333 1234567", "Ada", "x"],
        ["12", "Bob", ""],
        ["333 7654321", "Bea", ""],
    ]
    file, refused = tmp_path / "people.csv", tmp_path / "refused.csv"
    file.write_bytes(csv_file(rows))
    missing = run(app, "VIP", str(file))
    assert (missing.returncode, "--create" in missing.stderr) == (1, True)
    wrong = run(app, "VIP", str(file), "--create", "--phone", "Handy")
    assert (wrong.returncode, "no column" in wrong.stderr) == (1, True)
    more = ("--create", "--country", "it", "--only", "name", "--refused", str(refused), "--json")
    done = run(app, "VIP", str(file), *more)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["status"], counts["added"], counts["refused"], counts["rows_read"]) == ("done", 2, 1, 3)
    with app.app_context():
        found = db.session.execute(text("SELECT phone, fields FROM recipient ORDER BY phone")).all()
    assert [tuple(row) for row in found] == [(393331234567, {"name": "Ada"}), (393337654321, {"name": "Bea"})]
    with refused.open(encoding="utf-8-sig", newline="") as kept:
        assert [row[2:] for row in csv.reader(kept)][1:] == [["12", "Bob", ""]]
    assert run(app, "VIP", str(tmp_path / "nothing.csv")).returncode == 2


def test_a_file_that_another_process_is_importing_is_left_to_it(
    committed_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, file = committed_app, tmp_path / "people.csv"
    with app.app_context(), transaction():
        make_platform("Aurora")
    file.write_bytes(csv_file([["Phone"], ["+393331234567"]]))

    def superseded(*_arguments: object, **_named: object) -> None:
        raise importing.SupersededError

    monkeypatch.setattr(importing, "take_file", superseded)
    monkeypatch.setenv("DATABASE_URL", app.config["SQLALCHEMY_DATABASE_URI"])
    monkeypatch.setenv("SMS_CREDITS_INSTANCE", app.instance_path)
    left = CliRunner().invoke(group, ["import", "VIP", str(file), "--create"])
    assert left.exit_code == 1
    assert "Another process is importing" in left.stderr
