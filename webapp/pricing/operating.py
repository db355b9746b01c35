"""What an operator does with plugins: enable, disable, settle conflicts. Each makes a new pricing book.

A stored plugin keeps the data it was enabled with. When its package is updated, the operator sees so and
takes the new data over by enabling it again; when the package goes, what was stored goes on pricing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from flask_babel import gettext as _
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from webapp.db import db, transaction
from webapp.pricing import books, plugins
from webapp.pricing.api import Rate, RateCard, SegmentProfile
from webapp.pricing.books import EVERYWHERE, Source, digest_of, install_first_book, to_json
from webapp.pricing.checks import PluginRefused
from webapp.pricing.models import PricingChoice, PricingPlugin, StoredBook
from webapp.pricing.plugins import Plugin
from webapp.pricing.stored import handed_over_from_json, handed_over_to_json

Kind = Literal["rate", "profile"]
Place = tuple[Kind, str]
"""What two plugins may both bring: the rate or the profile of a country (`**`: of all others)."""


class PluginConflict(PluginRefused):
    """Two enabled plugins bring the same; `conflicts` are those that are still to be settled."""

    def __init__(self, sentence: str, conflicts: "list[Conflict]") -> None:
        super().__init__(sentence)
        self.conflicts = conflicts


@dataclass(frozen=True)
class Conflict:
    """A place for which several plugins have data; `chosen` is the one that counts, None while open."""

    kind: Kind
    country: str
    plugins: tuple[str, ...]
    chosen: str | None = None


@dataclass(frozen=True)
class State:
    """A plugin as the operator sees it: installed, stored, or both.

    `version` is the one in use if it is enabled, else the one installed. `update` is the installed version
    if its data differ from those in use.
    """

    name: str
    version: str
    distribution: str
    enabled: bool
    installed: bool
    update: str | None
    problem: str | None
    rate_cards: tuple[RateCard, ...]
    profiles: tuple[SegmentProfile, ...]

    @property
    def rates(self) -> tuple[Rate, ...]:
        every = (rate for card in self.rate_cards for rate in card.rates)
        return tuple(sorted(every, key=lambda rate: (rate.country, rate.effective_from)))

    @property
    def countries(self) -> tuple[str, ...]:
        return tuple(sorted({rate.country for rate in self.rates}))

    @property
    def profile_countries(self) -> tuple[str, ...]:
        return tuple(sorted(profile.country or EVERYWHERE for profile in self.profiles))


def states() -> tuple[State, ...]:
    """Every plugin that is installed or stored, by name."""
    books.current_book()
    stored = {row.name: row for row in db.session.scalars(select(PricingPlugin))}
    found = {plugin.name: plugin for plugin in plugins.installed()}
    return tuple(state_of(stored.get(name), found.get(name)) for name in sorted({*stored, *found}))


def state_of(row: PricingPlugin | None, plugin: Plugin | None) -> State:
    if row is not None and (row.enabled or plugin is None):
        cards, profiles = handed_over_from_json(row.data)
        update = plugin.version if plugin and not plugin.problem and data_of(plugin) != row.data else None
        problem = plugin.problem if plugin else None
        return State(
            row.name,
            row.version,
            row.distribution,
            row.enabled,
            plugin is not None,
            update,
            problem,
            cards,
            profiles,
        )
    assert plugin is not None, "a state is of a stored or an installed plugin"
    about = (plugin.name, plugin.version, plugin.distribution)
    return State(*about, False, True, None, plugin.problem, plugin.rate_cards, plugin.profiles)


def data_of(plugin: Plugin) -> dict[str, Any]:
    return handed_over_to_json(plugin.rate_cards, plugin.profiles)


def enable(name: str, *, choices: Mapping[Place, str] | None = None, actor: str, now: datetime) -> None:
    """Take a plugin's data over as they are installed now, and price with them.

    `choices` settle what it and another enabled plugin both bring. Raises `PluginRefused` for a broken
    or unknown one and `PluginConflict` while something is not settled; nothing is changed then.
    """
    plugin = plugins.find(name)
    plugin.require_sound()
    with transaction() as session:
        lock(session)
        row = session.scalars(select(PricingPlugin).where(PricingPlugin.name == name)).one_or_none()
        row = row or PricingPlugin(name=name)
        row.version, row.distribution = plugin.version, plugin.distribution
        row.enabled, row.data, row.taken_over_at = True, data_of(plugin), now
        session.add(row)
        session.flush()
        store_choices(session, choices or {})
        publish(session, f"enabled {name} {plugin.version}", actor, now)


def disable(name: str, *, actor: str, now: datetime) -> None:
    """Price without a plugin from now on; what it has priced stays as it was. Raises `PluginRefused`."""
    with transaction() as session:
        lock(session)
        row = session.scalars(select(PricingPlugin).where(PricingPlugin.name == name)).one_or_none()
        if row is None or not row.enabled:
            raise PluginRefused(_("Plugin %(name)s is not enabled.", name=name), plugin=name)
        row.enabled = False
        session.execute(delete(PricingChoice).where(PricingChoice.plugin == name))
        publish(session, f"disabled {name}", actor, now)


def settle(choices: Mapping[Place, str], *, actor: str, now: datetime) -> None:
    """Say which plugin counts for a country where several enabled ones have data."""
    with transaction() as session:
        lock(session)
        store_choices(session, choices)
        names = ", ".join(f"{country} {kind}: {plugin}" for (kind, country), plugin in choices.items())
        publish(session, f"settled {names}"[:1000], actor, now)


def lock(session: Session) -> None:
    """One operator at a time: the book that is stored is compiled from what is stored."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": books.INSTALL_LOCK})
    if session.execute(select(StoredBook.id).limit(1)).first() is None:
        install_first_book()


def store_choices(session: Session, choices: Mapping[Place, str]) -> None:
    for (kind, country), plugin in choices.items():
        known = select(PricingPlugin.id).where(PricingPlugin.name == plugin, PricingPlugin.enabled)
        if session.execute(known).first() is None:
            raise PluginRefused(_("Plugin %(name)s is not enabled.", name=plugin), plugin=plugin)
        session.execute(
            delete(PricingChoice).where(PricingChoice.kind == kind, PricingChoice.country == country)
        )
        session.add(PricingChoice(kind=kind, country=country, plugin=plugin))
    session.flush()


def publish(session: Session, reason: str, actor: str, now: datetime) -> None:
    """Compile what is enabled into the book in force, or refuse."""
    session.flush()
    sources = enabled_sources(session)
    chosen = choices_stored(session)
    found = conflicts_between(sources, chosen)
    drop_idle_choices(session, {(conflict.kind, conflict.country) for conflict in found})
    unsettled = [conflict for conflict in found if conflict.chosen is None]
    if unsettled:
        raise PluginConflict(conflict_sentence(unsettled), unsettled)
    require_default_profile(sources)
    data = to_json(sources, chosen)
    session.add(StoredBook(digest=digest_of(data), data=data, reason=reason, actor=actor, created_at=now))


def enabled_sources(session: Session) -> list[Source]:
    rows = session.scalars(select(PricingPlugin).where(PricingPlugin.enabled).order_by(PricingPlugin.name))
    return [Source(row.name, row.version, *handed_over_from_json(row.data)) for row in rows]


def choices_stored(session: Session) -> dict[tuple[str, str], str]:
    return {(row.kind, row.country): row.plugin for row in session.scalars(select(PricingChoice))}


def drop_idle_choices(session: Session, places: set[Place]) -> None:
    for row in session.scalars(select(PricingChoice)):
        if (row.kind, row.country) not in places:
            session.delete(row)


def require_default_profile(sources: Iterable[Source]) -> None:
    if not any(profile.country is None for source in sources for profile in source.profiles):
        sentence = _("No other enabled plugin says how texts are cut: enable one that does first.")
        raise PluginRefused(sentence)


def conflict_sentence(conflicts: list[Conflict]) -> str:
    names = sorted({name for conflict in conflicts for name in conflict.plugins})
    places = sorted({f"{conflict.country} ({conflict.kind})" for conflict in conflicts})
    shown = ", ".join(places[:10]) + (_(" and more") if len(places) > 10 else "")
    return str(
        _(
            "Plugins %(names)s both have data for %(places)s: choose which of them counts.",
            names=", ".join(names),
            places=shown,
        )
    )


def conflicts() -> tuple[Conflict, ...]:
    """Every place for which several enabled plugins have data, settled or not."""
    session = db.session()
    return tuple(conflicts_between(enabled_sources(session), choices_stored(session)))


def conflicts_between(sources: list[Source], chosen: Mapping[tuple[str, str], str]) -> list[Conflict]:
    """By kind and country; rates conflict only where their days do."""
    found = [*rate_conflicts(sources), *profile_conflicts(sources)]
    return [
        Conflict(
            kind,
            country,
            names,
            chosen.get((kind, country)) if chosen.get((kind, country)) in names else None,
        )
        for kind, country, names in sorted(found)
    ]


def rate_conflicts(sources: list[Source]) -> list[tuple[Kind, str, tuple[str, ...]]]:
    by_country: dict[str, list[tuple[str, Rate]]] = {}
    for source in sources:
        for card in source.rate_cards:
            for rate in card.rates:
                by_country.setdefault(rate.country, []).append((source.plugin, rate))
    found: list[tuple[Kind, str, tuple[str, ...]]] = []
    for country, rates in by_country.items():
        names = clashing(rates)
        if names:
            found.append(("rate", country, tuple(sorted(names))))
    return found


def clashing(rates: Iterable[tuple[str, Rate]]) -> set[str]:
    """The plugins of rates of one country that another plugin rates for the same day."""
    names: set[str] = set()
    running: list[tuple[str, date]] = []
    for plugin, rate in sorted(rates, key=lambda entry: entry[1].effective_from):
        running = [(other, end) for other, end in running if end > rate.effective_from]
        others = {other for other, _end in running} - {plugin}
        if others:
            names |= others | {plugin}
        running.append((plugin, rate.effective_until or date.max))
    return names


def profile_conflicts(sources: list[Source]) -> list[tuple[Kind, str, tuple[str, ...]]]:
    by_country: dict[str, set[str]] = {}
    for source in sources:
        for profile in source.profiles:
            by_country.setdefault(profile.country or EVERYWHERE, set()).add(source.plugin)
    return [
        ("profile", country, tuple(sorted(names))) for country, names in by_country.items() if len(names) > 1
    ]
