"""A text as it is shown: where its parts are cut, which characters cost two or keep it from GSM-7."""

from dataclasses import dataclass
from itertools import groupby

from webapp.pricing.segmentation import Part, Segmentation
from webapp.pricing.text import name_of
from webapp.pricing.transliteration import INVISIBLE, LINE_ENDS, SPACES

DRAWN = {"\u00a0": "⍽", "\n": "↵", "\t": "⇥", "\u00ad": "‐"}


@dataclass(frozen=True)
class Run:
    """Some characters that are shown alike: `plain`, `wide` (counts two), `offender`; `hidden` is drawn."""

    kind: str
    shown: str
    title: str = ""


@dataclass(frozen=True)
class MarkedPart:
    """One part of a message with its runs."""

    number: int
    part: Part
    runs: tuple[Run, ...]

    @property
    def room(self) -> int:
        return self.part.capacity - self.part.units


def marked_parts(text: Segmentation) -> tuple[MarkedPart, ...]:
    """The parts of a text, each character marked by what it does to the cost."""
    offenders = {offender.character for offender in text.offenders}
    wide = text.coding.wide
    return tuple(
        MarkedPart(number, part, runs_of(part.text, offenders, lambda c: wide.match(c) is not None))
        for number, part in enumerate(text.parts, 1)
    )


def runs_of(text: str, offenders: set[str], is_wide) -> tuple[Run, ...]:  # type: ignore[no-untyped-def]
    def kind(character: str) -> tuple[str, str]:
        if character in offenders:
            return ("offender", character)
        if is_wide(character):
            return ("wide", character)
        return ("hidden", character) if character == "\n" else ("plain", "")

    runs = []
    for (what, character), group in groupby(text, key=kind):
        shown = "".join(group)
        if what == "plain":
            runs.append(Run("plain", shown))
            continue
        runs.append(Run(what, drawn(shown), title_of(character)))
    return tuple(runs)


def drawn(text: str) -> str:
    """Characters nobody can see, drawn; a line end keeps its line end."""
    return "".join("↵\n" if c == "\n" else draw(c) for c in text)


def draw(character: str) -> str:
    if character in DRAWN:
        return DRAWN[character]
    if character in INVISIBLE or character in LINE_ENDS:
        return f"[U+{ord(character):04X}]"
    return "⍽" if character in SPACES else character


def title_of(character: str) -> str:
    return f"U+{ord(character):04X} {name_of(character)}"
