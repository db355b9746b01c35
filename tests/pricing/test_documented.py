"""docs/plugins.md tells authors everything: each hook with its signature, each field, and code that works."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from webapp.pricing import checks, hookspecs
from webapp.pricing.api import Alphabet, Rate, RateCard, SegmentProfile
from webapp.pricing.plugins import HOOKS, read_loaded

TEXT = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")


def hooks() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("sms_credits_")]


def signature_of(name: str) -> str:
    signature = inspect.signature(getattr(hookspecs, name))
    return f"{name}{signature}".replace("collections.abc.", "").replace("webapp.pricing.api.", "")


@pytest.mark.parametrize("name", hooks())
def test_a_hook_is_documented_with_its_exact_signature(name: str) -> None:
    assert f"### `{signature_of(name)}`" in TEXT.splitlines()


def test_every_hook_is_asked() -> None:
    assert sorted(HOOKS) == sorted(hooks())


@pytest.mark.parametrize("name", hooks())
def test_every_hook_has_a_test(name: str) -> None:
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_p*.py"))
    assert name in tests


@pytest.mark.parametrize("kind", [Rate, RateCard, SegmentProfile, Alphabet])
def test_every_field_is_documented(kind: type) -> None:
    table = TEXT[TEXT.index(f"| `{kind.__name__}` |") :].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert {field.name for field in fields(kind)} <= named


def test_the_limits_are_those_that_are_checked() -> None:
    assert (
        f"{checks.CARDS_MAX} rate cards, {checks.RATES_MAX:,} rates, {checks.PROFILES_MAX:,} profiles" in TEXT
    )
    assert f"{checks.ALPHABETS_MAX} alphabets in a profile" in TEXT
    assert f"from 1 to {checks.CREDITS_PER_SEGMENT_MAX:,}" in TEXT


def test_the_smallest_plugin_works_as_it_is_printed() -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    module = ModuleType("antarctica")
    exec(code, vars(module))
    plugin = read_loaded(module, "antarctica", "1.0", "sms-credits-antarctica")
    assert [(rate.country, rate.credits_per_segment) for rate in plugin.rate_cards[0].rates] == [
        ("AQ", 40),
        ("BV", 3),
    ]
