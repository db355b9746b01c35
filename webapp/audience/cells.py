"""What a cell of somebody's table means: a phone number, a merge value, the name of a field.

Pure. Tables come from spreadsheets, and spreadsheets change numbers: they drop the plus sign and leading
zeros, add `.0`, write 3.9E+11, put an apostrophe in front. What can be told for sure is read; a number
whose digits are gone is refused, never guessed.
"""

import re
import unicodedata
from collections.abc import Iterable

from flask_babel import lazy_gettext as _

from webapp.pricing.numbers import BadNumber, Phone, international, parse_phone

VALUE_CHARACTERS = 1_000
FIELD_CHARACTERS = 60
SHORTEST_INTERNATIONAL = 8  # digits: below, a number without prefix is not taken for an international one

MISSING = "The row has no phone number."
SHORTENED = "The spreadsheet has shortened this number: format its column as text and enter it again."
SEVERAL = "There is more than one number in this cell."
NOT_A_NUMBER = "This is not a phone number."
TOO_LONG = "A value is longer than 1,000 characters."
ERASED = "This person was erased on request."

# Every sentence a row can be refused with, those of webapp.pricing.numbers too, marked for translation.
REASONS = {
    MISSING: _("The row has no phone number."),
    SHORTENED: _("The spreadsheet has shortened this number: format its column as text and enter it again."),
    SEVERAL: _("There is more than one number in this cell."),
    NOT_A_NUMBER: _("This is not a phone number."),
    TOO_LONG: _("A value is longer than 1,000 characters."),
    ERASED: _("This person was erased on request."),
    "The calling code is missing or unknown.": _("The calling code is missing or unknown."),
    "The number is too short.": _("The number is too short."),
    "The number is too long.": _("The number is too long."),
    "A number with an extension cannot receive messages.": _(
        "A number with an extension cannot receive messages."
    ),
    "No such number exists: check its digits and its country.": _(
        "No such number exists: check its digits and its country."
    ),
}

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
QUOTED_FORMULA = re.compile(r'=\s*"(.*)"', re.DOTALL)
SCHEME = re.compile(r"(?:tel|sms|phone|mobile|whatsapp)\s*:\s*", re.IGNORECASE)
SCIENTIFIC = re.compile(r"\+?([1-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
DECIMAL_ZEROS = re.compile(r"(\+?[0-9]{5,})[.,]0{1,3}")
SEVERAL_NUMBERS = re.compile(r"(?:[0-9][^0-9;,/|\n]*){7,}[;,/|\n](?:[^0-9;,/|\n]*[0-9]){7,}")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
PROTECTED = re.compile(r"'(?=\s*[=+\-@|%\t])")


def read_number(raw: str, country: str | None) -> tuple[int, str]:
    """The digits of the number in E.164 and its ISO country. Raises `BadNumber` with one of `REASONS`.

    A number without prefix is one of `country`; where it cannot be one, or no country was chosen,
    it is read as international without its plus sign.
    """
    if not E164.fullmatch(raw):
        raw = tidy_number(raw)
    elif sure := international(raw):
        return int(raw), sure.country
    try:
        phone = parse_phone(raw, country)
    except BadNumber as complaint:
        if not (raw.isdigit() and len(raw) >= SHORTEST_INTERNATIONAL and raw[0] != "0"):
            raise
        phone = international_or(complaint, raw)
    return int(phone.e164[1:]), phone.country


def international_or(complaint: BadNumber, digits: str) -> Phone:
    try:
        return parse_phone("+" + digits, None)
    except BadNumber:
        raise complaint from None


def tidy_number(raw: str) -> str:
    """The number without what spreadsheets and people put around it. Raises `BadNumber`."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", raw)).strip().strip("'\u2019\u2018`\"").strip()
    if formula := QUOTED_FORMULA.fullmatch(text):
        text = formula[1].strip()
    text = SCHEME.sub("", text, count=1)
    if not text:
        raise BadNumber(MISSING)
    if SEVERAL_NUMBERS.search(text):
        raise BadNumber(SEVERAL)
    if scientific := SCIENTIFIC.fullmatch(text):
        text = written_out(*scientific.groups(default=""))
    if decimal := DECIMAL_ZEROS.fullmatch(text):
        text = decimal[1]
    if re.search(r"[^\W\d_]", text):
        raise BadNumber(NOT_A_NUMBER)
    return "+" + text[2:] if text.startswith("00") else text


def written_out(first: str, rest: str, exponent: str) -> str:
    """3.93331234567E+11 is exact; 3.93E+11 has lost its digits."""
    if len(rest) < int(exponent):
        raise BadNumber(SHORTENED)
    if rest[int(exponent) :].strip("0"):
        raise BadNumber(NOT_A_NUMBER)
    return first + rest[: int(exponent)]


def clean_value(text: str) -> str:
    """A merge value as it is kept: trimmed, without control characters but line feeds."""
    if CONTROL.search(text):
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
        text = CONTROL.sub("", text)
    text = text.strip()
    return PROTECTED.sub("", text, count=1) if text.startswith("'") else text


def field_name(header: str) -> str:
    """The merge field a header names: `First name` is `first_name`; empty when nothing is left of it."""
    text = unicodedata.normalize("NFC", header).strip().lower()
    text = re.sub(r"[^\w]+", "_", text).strip("_")
    text = re.sub(r"^[0-9_]+", "", text)
    return text[:FIELD_CHARACTERS].rstrip("_")


def field_names(headers: Iterable[str]) -> list[str]:
    """A name for each header, no two the same: a second `name` is `name_2`."""
    names: list[str] = []
    for header in headers:
        name = field_name(header)
        number, base = 2, name
        while name and name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names
