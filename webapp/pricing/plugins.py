"""Plugins are found by their entry points, loaded, asked once, and checked. None can take the house down."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import TypeVar

import pluggy

from webapp.pricing import checks, hookspecs
from webapp.pricing.api import (
    API_VERSION,
    ENTRY_POINT_GROUP,
    PROJECT,
    Alphabet,
    RateCard,
    SegmentProfile,
)
from webapp.pricing.checks import PluginRefused, Wrong

SHIPPED = "sms-credits"
ENABLED_AT_FIRST = ("gsm", "world_rates")
HOOKS = ("sms_credits_rate_cards", "sms_credits_segment_profiles")
VERSION_ATTRIBUTE = "sms_credits_api"

T = TypeVar("T")


@dataclass(frozen=True)
class Plugin:
    """An installed plugin with all that it hands over, or with the sentence that says why it cannot."""

    name: str
    version: str
    distribution: str
    rate_cards: tuple[RateCard, ...] = ()
    profiles: tuple[SegmentProfile, ...] = ()
    problem: str | None = None

    def require_sound(self) -> None:
        if self.problem:
            raise PluginRefused(self.problem, plugin=self.name)


def installed() -> tuple[Plugin, ...]:
    """Every installed plugin by name, the broken ones with their problem. Never raises."""
    points = sorted(
        entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, distribution_of(point))
    )
    times = Counter(point.name for point in points)
    return tuple(read(point) if times[point.name] == 1 else ambiguous(point) for point in points)


def find(name: str) -> Plugin:
    """The installed plugin of that name. Raises `PluginRefused`."""
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        alone = len(entry_points(group=ENTRY_POINT_GROUP, name=name)) == 1
        return read(point) if alone else ambiguous(point)
    raise PluginRefused(f"No plugin named {name} is installed.", plugin=name)


def installed_alphabets() -> tuple[Alphabet, ...]:
    """Every alphabet that the sound installed plugins bring, each once."""
    sound = (plugin for plugin in installed() if not plugin.problem)
    return tuple(
        dict.fromkeys(a for plugin in sound for profile in plugin.profiles for a in profile.alphabets)
    )


def distribution_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def version_of(point: EntryPoint) -> str:
    return point.dist.version if point.dist else "unknown"


def ambiguous(point: EntryPoint) -> Plugin:
    problem = f"Two installed packages bring a plugin named {point.name}: remove one of them."
    return Plugin(point.name, version_of(point), distribution_of(point), problem=problem)


def read(point: EntryPoint) -> Plugin:
    """Load one plugin, ask its hooks and check what they say."""
    name, version, distribution = point.name, version_of(point), distribution_of(point)
    try:
        plugin = guarded("it cannot be imported", point.load)
        return read_loaded(plugin, name, version, distribution)
    except Wrong as wrong:
        problem = f"Plugin {name} {version} cannot be used: {wrong}."
        return Plugin(name, version, distribution, problem=problem)


def read_loaded(plugin: object, name: str, version: str, distribution: str) -> Plugin:
    """The same for a module or object that is loaded already. Raises `Wrong`."""
    checks.text(name, "its name", longest=100)
    require_version(plugin)
    manager = guarded("its hooks are not as they should be", lambda: registered(plugin, name))
    cards = ask(manager, HOOKS[0], checks.rate_cards)
    profiles = ask(manager, HOOKS[1], checks.segment_profiles)
    return Plugin(name, version, distribution, cards, profiles)


def guarded(what: str, action: Callable[[], T]) -> T:
    """Run foreign code; whatever it raises, an exit of the program included, becomes `Wrong`."""
    try:
        return action()
    except Wrong:
        raise
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as problem:
        raise Wrong(f"{what} ({type(problem).__name__}: {on_one_line(problem)})") from problem


def on_one_line(problem: BaseException) -> str:
    """What a foreign exception says, on one line; asking for it may itself go wrong."""
    try:
        return " ".join(str(problem).split())[:300].rstrip(".") or "no reason given"
    except Exception:
        return "no reason given"


def require_version(plugin: object) -> None:
    version = getattr(plugin, VERSION_ATTRIBUTE, None)
    if version != API_VERSION or isinstance(version, bool):
        wanted = f"{VERSION_ATTRIBUTE} = {API_VERSION}"
        raise Wrong(f"it is made for API version {version!r:.40}, this is {API_VERSION} ({wanted})")


def registered(plugin: object, name: str) -> pluggy.PluginManager:
    """A manager for this plugin alone, so that no plugin's answer mixes with another's."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name)
    manager.check_pending()
    callers = manager.get_hookcallers(plugin) or []
    if not callers:
        raise Wrong("it implements no hook")
    for implementation in chain.from_iterable(caller.get_hookimpls() for caller in callers):
        if implementation.wrapper or implementation.hookwrapper:
            raise Wrong(f"it wraps the hook {implementation.function.__name__}, which no plugin may")
    return manager


def ask(
    manager: pluggy.PluginManager, hook: str, check: Callable[[Iterable[object]], tuple[T, ...]]
) -> tuple[T, ...]:
    """What the one plugin of a manager hands over by a hook, checked."""
    answers = guarded(f"{hook} fails", lambda: getattr(manager.hook, hook)())
    return guarded(f"{hook} fails", lambda: check(answers[0])) if answers else ()
