"""The conformance kit: our own plugins pass it first, and what breaks a rule fails its check."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from webapp.pricing import conformance, plugins
from webapp.pricing.conformance import CHECKS, problem_of

ROOT = Path(__file__).parents[2]
OURS = [plugin for plugin in plugins.installed() if plugin.distribution == plugins.SHIPPED]


@pytest.mark.parametrize("plugin", OURS, ids=lambda plugin: plugin.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_our_own_plugins_pass(check: conformance.Check, plugin: plugins.Plugin) -> None:
    assert problem_of(check, plugin) is None


def failed(plugin: plugins.Plugin) -> set[str]:
    return {check.name for check in CHECKS if problem_of(check, plugin)}


def test_a_broken_plugin_fails_every_check() -> None:
    broken = plugins.Plugin("odd", "1", "odd", problem="Plugin odd 1 cannot be used: no.")
    assert failed(broken) == {check.name for check in CHECKS}


def test_a_required_text_longer_than_the_limit_fails() -> None:
    gsm = plugins.find("gsm")
    profile = replace(gsm.profiles[0], required_text="ж" * 160, part_limit=1)
    assert "required" in failed(replace(gsm, profiles=(profile,)))


def test_an_answer_that_changes_fails() -> None:
    world = plugins.find("world_rates")
    assert failed(replace(world, rate_cards=())) == {"alike"}


def test_an_alphabet_without_line_feed_fails() -> None:
    gsm = plugins.find("gsm")
    alphabet = gsm.profiles[0].alphabets[0]
    without = replace(alphabet, basic=alphabet.basic.replace("\n", "\x00"))
    assert "line_feed" in failed(replace(gsm, profiles=(replace(gsm.profiles[0], alphabets=(without,)),)))


def test_the_pytest_plugin_adds_a_test_for_each_check(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--sms-credits-plugin",
        "gsm",
        str(tmp_path),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{len(CHECKS)} passed" in ran.stdout, ran.stdout + ran.stderr
