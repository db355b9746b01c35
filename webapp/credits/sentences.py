"""Movements of the ledger in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from webapp.credits.expiry import last_usable_day
from webapp.credits.movement_parts import PARTS_SHOWN, Movement, Part
from webapp.web.formats import credits, day
from webapp.web.words import gettext as _
from webapp.web.words import ngettext

KINDS = ("grant", "purchase", "assign", "hold", "capture", "release", "expire", "adjust")


@dataclass(frozen=True)
class Words:
    """A movement told: what happened, and what else is to be said of it."""

    sentence: str
    notes: tuple[str, ...] = ()


def kind_name(kind: str) -> str:
    """What the filter calls a kind of movement."""
    return {
        "grant": _("Granted"),
        "purchase": _("Bought"),
        "assign": _("Set aside for lists"),
        "hold": _("Held"),
        "capture": _("Charged"),
        "release": _("Released"),
        "expire": _("Expired"),
        "adjust": _("Adjusted"),
    }[kind]


def told(movement: Movement, lists: Mapping[int, str]) -> Words:
    """The movement in words, with the names of its lists."""
    return {
        "grant": granted,
        "purchase": bought,
        "assign": assigned,
        "hold": held,
        "capture": charged,
        "release": released,
        "expire": expired,
        "adjust": adjusted,
    }[movement.kind](movement, lists)


def granted(movement: Movement, lists: Mapping[int, str]) -> Words:
    sentence = _("Granted %(credits)s, %(until)s", credits=credits(movement.credits), until=usable(movement))
    return Words(sentence, reason(movement))


def bought(movement: Movement, lists: Mapping[int, str]) -> Words:
    sentence = _("Bought %(credits)s, %(until)s", credits=credits(movement.credits), until=usable(movement))
    return Words(sentence, renewed(movement))


def usable(movement: Movement) -> str:
    """Until when new credits can be used."""
    until = movement.result.get("expires_on")
    if not isinstance(until, str):
        return _("without expiry")
    return _("usable until %(day)s, Italian time", day=day(last_usable_day(date.fromisoformat(until))))


def renewed(movement: Movement) -> tuple[str, ...]:
    """ "Renewed 3 lots to 21 November 2028": the purchase took older lots along."""
    if not movement.renewals:
        return ()
    return (
        ngettext(
            "Renewed %(num)s lot to %(day)s",
            "Renewed %(num)s lots to %(day)s",
            len(movement.renewals),
            day=day(movement.renewals[0].expires_on),
        ),
    )


def assigned(movement: Movement, lists: Mapping[int, str]) -> Words:
    """One list in a sentence of its own, several as a sum with each beside it."""
    changes = {part.list_id: signed(part) for part in movement.parts if part.list_id}
    touched = list(dict.fromkeys([*changes, *movement.access]))
    if len(touched) == 1:
        return Words(one_list(touched[0], changes.get(touched[0], 0), movement, lists))
    more = max(movement.part_count, len(movement.access)) - PARTS_SHOWN
    told_lists = [
        one_of_several(list_id, changes.get(list_id, 0), movement, lists) for list_id in touched[:PARTS_SHOWN]
    ]
    if more > 0:
        told_lists.append(ngettext("%(num)s more", "%(num)s more", more))
    return Words(_("Changed what is set aside: %(lists)s", lists=", ".join(told_lists)))


def signed(part: Part) -> int:
    return part.credits if part.target == "list" else -part.credits


def one_list(list_id: int, change: int, movement: Movement, lists: Mapping[int, str]) -> str:
    name, access = name_of(list_id, lists), movement.access.get(list_id)
    number = credits(abs(change))
    if access is False:
        return _("Made %(list)s free, %(credits)s returned to the unassigned", list=name, credits=number)
    if access is True:
        return _("Limited %(list)s to %(credits)s set aside for it", list=name, credits=number)
    if change < 0:
        return _("Returned %(credits)s from %(list)s to the unassigned", credits=number, list=name)
    return _("Set aside %(credits)s more for %(list)s", credits=number, list=name)


def one_of_several(list_id: int, change: int, movement: Movement, lists: Mapping[int, str]) -> str:
    name, access = name_of(list_id, lists), movement.access.get(list_id)
    number = credits(change) if change < 0 else f"+{credits(change)}"
    if access is None:
        return f"{name} {number}"
    word = _("now limited") if access else _("now free")
    return f"{name} {number} ({word})" if change else f"{name} ({word})"


def held(movement: Movement, lists: Mapping[int, str]) -> Words:
    sentence = _("Held %(credits)s for %(label)s", credits=credits(movement.credits), label=label(movement))
    return Words(sentence, shares(movement, lists, "source"))


def charged(movement: Movement, lists: Mapping[int, str]) -> Words:
    facts = {"credits": credits(movement.credits), "label": label(movement)}
    if movement.batches > 1:
        batches = credits(movement.batches)
        return Words(_("Charged %(credits)s for %(label)s in %(batches)s batches", **facts, batches=batches))
    return Words(_("Charged %(credits)s for %(label)s", **facts))


def released(movement: Movement, lists: Mapping[int, str]) -> Words:
    sentence = _(
        "Released %(credits)s from %(label)s", credits=credits(movement.credits), label=label(movement)
    )
    return Words(sentence, (*shares(movement, lists, "target"), *reason(movement)))


def expired(movement: Movement, lists: Mapping[int, str]) -> Words:
    """ "Expired 50: 20 unassigned, 18 Shop, 12 VIP"."""
    shown = [f"{credits(part.credits)} {place_name(part, part.source, lists)}" for part in movement.parts]
    more = movement.part_count - len(movement.parts)
    if more > 0:
        left = movement.credits - sum(part.credits for part in movement.parts)
        shown.append(
            ngettext(
                "%(credits)s of %(num)s more list",
                "%(credits)s of %(num)s more lists",
                more,
                credits=credits(left),
            )
        )
    return Words(
        _("Expired %(credits)s: %(parts)s", credits=credits(movement.credits), parts=", ".join(shown))
    )


def adjusted(movement: Movement, lists: Mapping[int, str]) -> Words:
    lot = movement.lots[0].lot_id if movement.lots else ""
    sentence = _("Lowered lot %(lot)s by %(credits)s", lot=lot, credits=credits(movement.credits))
    return Words(sentence, reason(movement))


def shares(movement: Movement, lists: Mapping[int, str], side: str) -> tuple[str, ...]:
    """Where held credits came from, or where released ones went: told when it is not the unassigned alone."""
    if all(getattr(part, side) == "unassigned" for part in movement.parts):
        return ()
    told_parts = [
        f"{credits(part.credits)} {place_name(part, getattr(part, side), lists)}" for part in movement.parts
    ]
    if movement.part_count > len(movement.parts):
        told_parts.append("…")
    return (", ".join(told_parts),)


def place_name(part: Part, account: str, lists: Mapping[int, str]) -> str:
    """The list, the unassigned, or that the credits expired at once."""
    if account == "list" and part.list_id:
        return name_of(part.list_id, lists)
    return _("expired at once") if account == "expired" else _("unassigned")


def name_of(list_id: int, lists: Mapping[int, str]) -> str:
    return lists.get(list_id) or _("list %(number)s", number=list_id)


def label(movement: Movement) -> str:
    """What a hold was for, as it was called then."""
    return movement.label or movement.reason or _("a hold")


def reason(movement: Movement) -> tuple[str, ...]:
    return (movement.reason,) if movement.reason else ()
