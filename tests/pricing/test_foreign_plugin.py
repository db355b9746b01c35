"""A package that somebody else wrote, installed by pip, through the whole road in real processes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "sms-credits-antarctica"
version = "{version}"

[project.entry-points."sms_credits.pricing"]
antarctica = "antarctica"

[tool.hatch.build.targets.wheel]
only-include = ["antarctica.py"]
"""

PLUGIN = """
from datetime import date
from webapp.pricing.api import Rate, RateCard, hookimpl

sms_credits_api = 1


@hookimpl
def sms_credits_rate_cards():
    return [RateCard("South", (Rate("AQ", {credits}), Rate("BV", 3, date(2026, 1, 1))), "ours", "none")]
"""

BROKEN = "raise OSError('the cable is cut')\n"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    return tmp_path / "site"


def pip_install(source: Path, target: Path) -> None:
    options = [
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--quiet",
    ]
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)


def install(folder: Path, target: Path, *, version: str = "1.0", code: str = "", credits: int = 40) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.format(version=version))
    (folder / "antarctica.py").write_text(code or dedent(PLUGIN).format(credits=credits))
    pip_install(folder, target)


def run(target: Path, *arguments: str, database: str = "") -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(target), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "DATABASE_URL": database}
    command = [sys.executable, "-m", "webapp", *arguments]
    return subprocess.run(
        command, cwd=target.parent, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_package_installed_by_pip_is_listed_enabled_prices_and_leaves_history(
    tmp_path: Path, packages: Path, committed: str
) -> None:
    install(tmp_path / "source", packages)
    checked = run(packages, "plugins", "check", "antarctica")
    assert checked.returncode == 0, checked.stderr
    assert "antarctica 1.0 is sound" in checked.stdout
    before = {item["name"]: item for item in listed(packages, committed)}
    assert (before["antarctica"]["enabled"], before["antarctica"]["countries"]) == (False, ["AQ", "BV"])
    enabled = run(packages, "plugins", "enable", "antarctica", database=committed)
    assert enabled.returncode == 0, enabled.stderr
    after = {item["name"]: item for item in listed(packages, committed)}
    assert after["antarctica"]["enabled"] is True
    install(tmp_path / "source", packages, version="2.0", credits=41)
    updated = {item["name"]: item for item in listed(packages, committed)}
    assert (updated["antarctica"]["version"], updated["antarctica"]["update"]) == ("1.0", "2.0")


def listed(packages: Path, database: str) -> list[dict[str, object]]:
    found = run(packages, "plugins", "list", "--json", database=database)
    assert found.returncode == 0, found.stderr
    items: list[dict[str, object]] = json.loads(found.stdout)["items"]
    return items


def test_a_broken_package_is_refused_by_name_and_the_application_works(
    tmp_path: Path, packages: Path, committed: str
) -> None:
    install(tmp_path / "source", packages, code=BROKEN)
    refused = run(packages, "plugins", "enable", "antarctica", database=committed)
    assert refused.returncode == 1
    assert (
        "Plugin antarctica 1.0 cannot be used: it cannot be imported (OSError: the cable is cut)."
        in refused.stderr
    )
    assert "Traceback" not in refused.stderr
    assert run(packages, "plugins", "check", "antarctica").returncode == 1
    states = {item["name"]: item for item in listed(packages, committed)}
    assert states["world_rates"]["enabled"] is True
    assert "cable" in str(states["antarctica"]["problem"])
    assert run(packages, "segment", "hello").returncode == 0
