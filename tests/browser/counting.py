"""What texts cost, counted slowly and independently of the application: one character after the other."""

import csv
import unicodedata
from pathlib import Path

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "^{}\\[~]|€\f"


def segments(text: str) -> int:
    """How many parts a text takes: 160 or 153 septets, else 70 or 67 units, pairs never cut."""
    text = unicodedata.normalize("NFC", text)
    if all(character in GSM + GSM_EXTENSION for character in text):
        return parts([2 if character in GSM_EXTENSION else 1 for character in text], 160, 153)
    return parts([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def parts(units: list[int], alone: int, joined: int) -> int:
    if sum(units) <= alone:
        return 1
    count, room = 1, joined
    for unit in units:
        if unit > room:
            count, room = count + 1, joined
        room -= unit
    return count


def rates(figures: Path) -> dict[str, int]:
    """Credits per segment by dialling prefix, from the table of figures."""
    lines = [line for line in figures.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {row["dial_prefix"]: int(row["credits_per_segment"]) for row in csv.DictReader(lines)}


def rate(phone: str, table: dict[str, int]) -> int:
    """The rate of a number by the longest prefix that it begins with."""
    digits = phone.removeprefix("+")
    for length in range(len(digits), 0, -1):
        if digits[:length] in table:
            return table[digits[:length]]
    raise LookupError(phone)
