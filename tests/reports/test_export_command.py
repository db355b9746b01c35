"""`sms-credits export usage`: a file, or a sentence and an exit status."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from tests.personas import make_platform
from tests.reports.scenes import grant, make_list, send
from webapp import cli
from webapp.processes import running
from webapp.reports import exports

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


@pytest.fixture
def command(monkeypatch, database):
    """Runs the command on the test's own database."""

    @contextmanager
    def here():
        yield

    monkeypatch.setattr(running, "application", here)
    return lambda *arguments: CliRunner().invoke(cli.group, ["export", "usage", *map(str, arguments)])


@pytest.fixture
def scene(platform):
    grant(platform, 1000, now=NOW - timedelta(days=3))
    send(platform, "Spring", [(make_list(platform, "Shop"), "IT", 5, 1, 2)], now=NOW)


def test_it_writes_the_usage_of_the_only_platform(command, scene, tmp_path):
    file = tmp_path / "usage.xlsx"
    done = command(file, "--from", "2026-05-01", "--to", "2026-05-31")
    assert (done.exit_code, "10 credits" in done.output) == (0, True)
    assert load_workbook(file)["Lists"]["D2"].value == 10
    assert [path.name for path in tmp_path.iterdir()] == ["usage.xlsx"]


def test_it_tells_a_program_what_it_wrote(command, scene, tmp_path):
    done = command(tmp_path / "u.xlsx", "--from", "2026-05-01", "--to", "2026-05-31", "--json")
    assert json.loads(done.output)["total"] == {"messages": 5, "segments": 5, "credits": 10}


def test_several_platforms_want_a_choice(command, platform, scene, tmp_path):
    make_platform()
    file, days = tmp_path / "u.xlsx", ("--from", "2026-05-01", "--to", "2026-05-31")
    refused = command(file, *days)
    assert (refused.exit_code, "--platform" in refused.output, file.exists()) == (1, True, False)
    assert command(file, *days, "--platform", platform.id).exit_code == 0
    assert command(file, *days, "--platform", 999_999).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--from", "2026-05-31", "--to", "2026-05-01"), 1),
        (("--from", "1990-01-01", "--to", "2026-05-01"), 1),
        (("--from", "May", "--to", "2026-05-01"), 2),
        (("--from", "2026-05-01"), 2),
        ((), 2),
    ],
)
def test_days_that_are_none_are_refused(command, scene, tmp_path, arguments, status):
    assert command(tmp_path / "u.xlsx", *arguments).exit_code == status


def test_only_excel_files_are_written(command, scene, tmp_path):
    assert command(tmp_path / "u.csv", "--from", "2026-05-01", "--to", "2026-05-31").exit_code == 2


def test_a_file_that_fails_half_way_leaves_nothing(command, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "usage_sheets", lambda *_: 1 / 0)
    assert command(tmp_path / "u.xlsx", "--from", "2026-05-01", "--to", "2026-05-31").exit_code == 1
    assert list(tmp_path.iterdir()) == []
