"""Reading plugins: whatever a plugin does, it is refused with a sentence that names it."""

import sys
from datetime import date, datetime
from importlib.metadata import EntryPoint
from itertools import count
from types import ModuleType

import pytest

from pricing_plugins.gsm import GSM_7
from webapp.pricing import plugins
from webapp.pricing.api import API_VERSION, Alphabet, Rate, RateCard, SegmentProfile, hookimpl
from webapp.pricing.plugins import read


def card(*rates: object, **values: object) -> RateCard:
    given: dict[str, object] = {"name": "Ours", "rates": rates, "source": "ours", "licence": "none", **values}
    return RateCard(**given)  # type: ignore[arg-type]


@pytest.fixture
def problem_of(monkeypatch):
    """What is said of a plugin with these hooks, None if it is sound."""

    def judge(
        rate_cards=None, profiles=None, *, version: object = API_VERSION, marker=hookimpl, **others: object
    ):
        module = ModuleType("plugin_under_test")
        if version is not None:
            module.sms_credits_api = version  # type: ignore[attr-defined]
        hooks = {"sms_credits_rate_cards": rate_cards, "sms_credits_segment_profiles": profiles, **others}
        for name, hook in hooks.items():
            if hook is not None:
                hook.__name__ = name
                setattr(module, name, marker(hook))
        monkeypatch.setitem(sys.modules, "plugin_under_test", module)
        return read(EntryPoint("odd", "plugin_under_test", "sms_credits.pricing")).problem

    return judge


def test_a_sound_plugin_has_no_problem(problem_of):
    assert problem_of(lambda: [card(Rate("IT", 2))]) is None
    assert problem_of(lambda: iter([card(Rate("IT", 2))]), lambda: [SegmentProfile("IT", (GSM_7,))]) is None


def test_a_plugin_that_cannot_be_imported_is_named():
    found = read(EntryPoint("gone", "no_such_module_anywhere", "sms_credits.pricing"))
    assert found.problem is not None
    assert "gone" in found.problem
    assert "cannot be imported" in found.problem


def test_a_plugin_that_ends_the_program_when_imported_does_not(tmp_path, monkeypatch):
    (tmp_path / "exits_at_once.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "SystemExit" in (read(EntryPoint("exits", "exits_at_once", "sms_credits.pricing")).problem or "")


def boom() -> list[RateCard]:
    raise RuntimeError("the figures\nare gone")


def leave() -> list[RateCard]:
    raise SystemExit(1)


def half() -> object:
    yield card(Rate("IT", 2))
    raise LookupError("row 7")


class Nasty(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


def nasty() -> list[RateCard]:
    raise Nasty


class Sub(Rate):
    """Looks like a rate and is none."""


def incomplete() -> RateCard:
    return RateCard.__new__(RateCard)


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (boom, "RuntimeError: the figures are gone)"),
        (leave, "SystemExit"),
        (half, "LookupError: row 7"),
        (nasty, "Nasty: no reason given"),
        (lambda: 5, "no list of RateCard"),
        (lambda: "text", "no list of RateCard"),
        (lambda: [Rate("IT", 2)], "holds a Rate where a RateCard belongs"),
        (lambda: [incomplete()], "incomplete RateCard"),
        (lambda: [card({"IT": 2})], "holds a dict where a Rate belongs"),
        (lambda: [card(Sub("IT", 2))], "holds a Sub where a Rate belongs"),
        (lambda: [RateCard("Ours", [Rate("IT", 2)], "ours", "none")], "are no tuple"),
        (lambda: [card(Rate("IT", -1))], "the rate of IT is -1"),
        (lambda: [card(Rate("IT", 0))], "the rate of IT is 0"),
        (lambda: [card(Rate("IT", True))], "the rate of IT is True"),
        (lambda: [card(Rate("IT", 1.5))], "the rate of IT is 1.5"),
        (lambda: [card(Rate("IT", 10**30))], "not from 1 to"),
        (lambda: [card(Rate("Italy", 2))], "no ISO 3166 country code"),
        (lambda: [card(Rate("ZZ", 2))], "no ISO 3166 country code"),
        (lambda: [card(Rate("it", 2))], "no ISO 3166 country code"),
        (lambda: [card(Rate(None, 2))], "no ISO 3166 country code"),
        (lambda: [card(Rate("IT", 2, "2026-01-01"))], "is no date"),
        (lambda: [card(Rate("IT", 2, datetime(2026, 1, 1)))], "is no date"),  # noqa: DTZ001
        (lambda: [card(Rate("IT", 2, date(2026, 2, 1), date(2026, 2, 1)))], "ends before it begins"),
        (lambda: [card(Rate("IT", 2), Rate("IT", 3))], "IT has two rates"),
        (lambda: [card(Rate("IT", 2)), card(Rate("IT", 3, date(2026, 1, 1)))], "IT has two rates"),
        (
            lambda: [
                card(Rate("IT", 2, date(2026, 1, 1), date(2026, 3, 1)), Rate("IT", 3, date(2026, 2, 1)))
            ],
            "two rates for 2026-02-01",
        ),
        (lambda: (card() for _ in count()), "more than 100 items"),
        (lambda: [card(*[Rate("IT", 1)] * 50_001)], "more than 50,000 items"),
        (lambda: [card(Rate("IT", 2), source="")], "source of rate card Ours is empty"),
        (lambda: [card(Rate("IT", 2), source="x" * 1001)], "longer than 1000"),
        (lambda: [card(Rate("IT", 2), name="a\x00b")], "cannot be kept"),
        (lambda: [card(Rate("IT", 2), name=None)], "is no text"),
    ],
)
def test_wrong_rates_are_refused_with_a_sentence_that_names_the_plugin(problem_of, hook, said):
    problem = problem_of(hook)
    assert problem is not None
    assert problem.startswith("Plugin odd unknown cannot be used: ")
    assert said in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (SegmentProfile("IT", [GSM_7]), "are no tuple"),
        (SegmentProfile("IT", ("GSM",)), "holds a str where a Alphabet belongs"),
        (SegmentProfile("XX", (GSM_7,)), "no ISO 3166"),
        (SegmentProfile("IT", (GSM_7,), edge_rule="word"), "edge rule of the profile of IT is none of"),
        (SegmentProfile("IT", (GSM_7,), edge_rule=["codepoint"]), "edge rule"),
        (SegmentProfile("IT", (GSM_7,), concat_reference_bits=12), "reference size"),
        (SegmentProfile("IT", (GSM_7,), concat_reference_bits=8.0), "reference size"),
        (SegmentProfile("IT", (GSM_7,), part_limit=0), "part limit"),
        (SegmentProfile("IT", (GSM_7,), part_limit=256), "part limit"),
        (SegmentProfile("IT", (GSM_7,), required_text="x" * 161), "longer than 160"),
        (SegmentProfile("IT", (GSM_7,), required_text=None), "is no text"),
        (SegmentProfile("IT", (GSM_7,), sender_forms=("pigeon",)), "sender form"),
        (SegmentProfile("IT", (Alphabet("short", "abc", "d"),)), "has not 128 cells"),
        (SegmentProfile("IT", (Alphabet("open", "a" * 128, "\x00" * 128),)), "has a character twice"),
        (SegmentProfile("IT", (Alphabet("x", GSM_7.basic[::-1], GSM_7.extension),)), "no escape at 0x1B"),
        (
            SegmentProfile("IT", (Alphabet("x", GSM_7.basic, GSM_7.extension, 99),)),
            "a language of alphabet x",
        ),
    ],
)
def test_wrong_profiles_are_refused(problem_of, profile, said):
    problem = problem_of(profiles=lambda: [profile])
    assert problem is not None
    assert said in problem


def test_two_profiles_of_a_country_are_refused(problem_of):
    problem = problem_of(profiles=lambda: [SegmentProfile("IT", (GSM_7,)), SegmentProfile("IT", ())])
    assert "two profiles of IT" in problem


@pytest.mark.parametrize("version", [None, 2, "1", True])
def test_another_api_version_is_refused(problem_of, version):
    assert "API version" in problem_of(lambda: iter([]), version=version)


def test_an_unknown_hook_is_refused(problem_of):
    assert "sms_credits_rate_card" in problem_of(lambda: iter([]), sms_credits_rate_card=lambda: iter([]))


def test_a_hook_with_an_argument_of_its_own_is_refused(problem_of):
    assert "country" in problem_of(lambda country: [])


def test_a_wrapper_is_refused(problem_of):
    def wrapping():
        return (yield)

    assert "wraps the hook" in problem_of(wrapping, marker=hookimpl(wrapper=True))


def test_a_plugin_without_hooks_is_refused(problem_of):
    assert "implements no hook" in problem_of()


def test_the_plugins_of_the_house_are_sound():
    found = {plugin.name: plugin for plugin in plugins.installed() if plugin.distribution == plugins.SHIPPED}
    assert {"gsm", "national_tables", "world_rates"} <= set(found)
    assert [plugin.problem for plugin in found.values()] == [None] * len(found)


def test_the_figures_are_all_there():
    world = plugins.find("world_rates").rate_cards[0]
    rates = {rate.country: rate.credits_per_segment for rate in world.rates}
    assert len(rates) == 227
    assert {code: rates[code] for code in ("GB", "XK", "RU", "KR", "CI", "CD", "DO", "US", "CW", "TL")} == {
        "GB": 1, "XK": 5, "RU": 10, "KR": 1, "CI": 10, "CD": 5, "DO": 3, "US": 1, "CW": 7, "TL": 5,
    }  # fmt: skip
    assert [sentence.partition(":")[0] for sentence in world.left_out] == [
        "South Ossetia (+7)",
        "Abkhazia (+7)",
        "Northern Cyprus (+90)",
    ]
