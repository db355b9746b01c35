"""The slow, obvious way to count a text: character by character, from the tables of the standard.

Nothing here comes from the application: the tables are read from our test data, and no step is clever.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import regex

DATA = Path(__file__).with_name("data")
TABLES = json.loads((DATA / "gsm-tables.json").read_text("utf-8"))


def letters(kind: str, language: str) -> set[str]:
    return {chr(int(point, 16)) for point in TABLES[kind][language].values()}


LOCKING = {language: letters("lock", language) for language in TABLES["lock"]}
SINGLE_SHIFT = {language: letters("shift", language) for language in TABLES["shift"]}


@dataclass(frozen=True)
class Counted:
    encoding: str
    units: int
    used: tuple[int, ...]
    texts: tuple[str, ...]

    @property
    def segments(self) -> int:
        return len(self.used)


def septets(header: int) -> int:
    return 160 - math.ceil(8 * header / 7)


def cost_in(character: str, lock: str, shift: str) -> int | None:
    if character in LOCKING[lock]:
        return 1
    return 2 if character in SINGLE_SHIFT[shift] else None


def ucs2_cost(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1


def count(
    text: str,
    *,
    rule: str = "codepoint",
    bits: int = 8,
    pairs: tuple[tuple[str, str], ...] = (("default", "default"),),
) -> Counted:
    """Count a text: the first pair if it fits, else UCS-2; a later pair only if it takes fewer segments."""
    all_pairs = [count_gsm(text, pair, rule, bits) for pair in pairs]
    found = [counted for counted in all_pairs if counted]
    first = all_pairs[0] if pairs else None
    best = first or count_ucs2(text, rule, bits)
    for counted in found:
        fewer = counted.segments < best.segments
        cheaper = counted.segments == best.segments and counted.units < best.units
        if fewer or (cheaper and best is not first and best.encoding == "GSM-7"):
            best = counted
    return best


def count_gsm(text: str, pair: tuple[str, str], rule: str, bits: int) -> Counted | None:
    costs = []
    for character in text:
        cost = cost_in(character, *pair)
        if cost is None:
            return None
        costs.append(cost)
    tables = sum(language != "default" for language in pair)
    single = septets(1 + 3 * tables if tables else 0)
    part = septets(1 + (5 if bits == 8 else 6) + 3 * tables)
    return cut("GSM-7", text, costs, single, part, rule)


def count_ucs2(text: str, rule: str, bits: int) -> Counted:
    part = (140 - (6 if bits == 8 else 7)) // 2
    return cut("UCS-2", text, [ucs2_cost(character) for character in text], 70, part, rule)


def cut(encoding: str, text: str, costs: list[int], single: int, part: int, rule: str) -> Counted:
    units = sum(costs)
    if units <= single:
        return Counted(encoding, units, (units,) if units else (), (text,) if units else ())
    if rule == "unit":
        return cut_by_unit(encoding, text, costs, part)
    used: list[int] = [0]
    texts: list[str] = [""]
    for atom in clusters(text) if rule == "grapheme" else [[index] for index in range(len(text))]:
        size = sum(costs[index] for index in atom)
        if used[-1] and used[-1] + size > part:
            used.append(0)
            texts.append("")
        for index in atom:
            if used[-1] + costs[index] > part:
                used.append(0)
                texts.append("")
            used[-1] += costs[index]
            texts[-1] += text[index]
    return Counted(encoding, units, tuple(used), tuple(texts))


def clusters(text: str) -> list[list[int]]:
    return [list(range(match.start(), match.end())) for match in regex.finditer(r"\X", text)]


def cut_by_unit(encoding: str, text: str, costs: list[int], part: int) -> Counted:
    texts: dict[int, str] = {}
    position = 0
    for character, cost in zip(text, costs, strict=True):
        texts[position // part] = texts.get(position // part, "") + character
        position += cost
    number = math.ceil(position / part)
    used = tuple(min(part, position - part * index) for index in range(number))
    return Counted(encoding, position, used, tuple(texts.get(index, "") for index in range(number)))
