"""A wheel built from the tree runs outside it: templates, static files, migrations and figures are inside."""

import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.installation import answers, free_ports
from tests.processes import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def outside(wheel: Path, committed: str, tmp_path: Path) -> dict[str, str]:
    """The environment of an installation of the wheel, away from the tree."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    port = free_ports(1)[0]
    return {
        **os.environ,
        "PYTHONPATH": str(site),
        "DATABASE_URL": committed,
        "SMS_CREDITS_INSTANCE": str(tmp_path / "instance"),
        "SMS_CREDITS_PORT": str(port),
        "SMS_CREDITS_WEB_PROCESSES": "1",
    }


def test_the_wheel_holds_what_the_tree_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "templates", "static", "webapp", "pricing_plugins"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    ).stdout.split("\n")
    wanted = {
        path if path.startswith(("webapp", "pricing")) else f"webapp/{path}" for path in tracked if path
    }
    wanted |= {"webapp/static/vendor/htmx.min.js", "webapp/static/vendor/tabler.min.css"}
    assert wanted - inside == set()
    assert not {
        name for name in inside if name.startswith(("tests", "docs", "instance")) or "__pycache__" in name
    }


def test_the_wheel_serves_its_pages_outside_of_the_tree(outside: dict[str, str], tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import webapp; print(webapp.__file__)"],
        cwd=tmp_path,
        env=outside,
        text=True,
        capture_output=True,
        check=True,
    )
    assert where.stdout.startswith(str(tmp_path))
    web = subprocess.Popen([sys.executable, "-m", "webapp", "web"], cwd=tmp_path, env=outside)
    url = f"http://127.0.0.1:{outside['SMS_CREDITS_PORT']}"
    try:
        assert eventually(lambda: answers(url), within_s=300)
        for path in (
            "/sign-in",
            "/prices?country=IT",
            "/static/vendor/htmx.min.js",
            "/static/vendor/tabler.min.css",
        ):
            with urllib.request.urlopen(url + path, timeout=60) as answer:
                assert answer.status == 200, path
    finally:
        web.terminate()
        web.wait(60)


def test_the_installed_command_is_the_wheels(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "sms-credits = webapp.cli:main" in archive.read(entry_points).decode()
