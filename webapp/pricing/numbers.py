"""Phone numbers: read, checked, and told to be of a country."""

import re
from functools import cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberDesc
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as REGIONS_BY_CODE

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COUNTRIES: Final = (*(first + second for first in LETTERS for second in LETTERS), "")
"""Every pair of letters, so that the index of a country never changes; the last one is no country."""

NO_COUNTRY: Final = len(COUNTRIES) - 1
SEPARATORS: Final = str.maketrans("", "", " \t\u00a0\u202f().-/\u2010\u2011\u2012\u2013")
KINDS: Final = (
    "mobile",
    "fixed_line",
    "voip",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
REASONS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: "The calling code is missing or unknown.",
    NumberParseException.NOT_A_NUMBER: "This is not a phone number.",
    NumberParseException.TOO_SHORT_AFTER_IDD: "The number is too short.",
    NumberParseException.TOO_SHORT_NSN: "The number is too short.",
    NumberParseException.TOO_LONG: "The number is too long.",
}


class BadNumber(ValueError):
    """A number that no message can reach; `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Phone(NamedTuple):
    e164: str
    country: str


class Kind(NamedTuple):
    """One kind of number (mobile, fixed line, ...) of a region: its lengths and its pattern."""

    lengths: frozenset[int]
    pattern: str


class Region(NamedTuple):
    country: str
    leading_digits: re.Pattern[str] | None
    national_prefix: re.Pattern[str] | None
    every: Kind
    kinds: tuple[Kind, ...]
    by_length: dict[int, re.Pattern[str]]

    def has(self, national: str) -> bool:
        pattern = self.by_length.get(len(national)) or self.compiled(len(national))
        return pattern.fullmatch(national) is not None

    def compiled(self, length: int) -> re.Pattern[str]:
        """One pattern for all numbers of this length: of some kind, and as every number here is."""
        kinds = [f"(?:{kind.pattern})" for kind in self.kinds if length in kind.lengths & self.every.lengths]
        one = f"(?=(?:{self.every.pattern})\\Z)(?:{'|'.join(kinds)})" if kinds else "(?!)"
        return self.by_length.setdefault(length, re.compile(one))


def country_index(country: str | None) -> int:
    """The index in `COUNTRIES`; that of no country for anything but two capital letters."""
    if not country or len(country) != 2:
        return NO_COUNTRY
    first, second = LETTERS.find(country[0]), LETTERS.find(country[1])
    return first * 26 + second if first >= 0 and second >= 0 else NO_COUNTRY


def parse_phone(raw: str, default_country: str | None = None) -> Phone:
    """The number in E.164 with its ISO country; without a prefix it is read in `default_country`.

    A number in E.164 is matched against the patterns of its calling code directly, which is what the
    whole parser would come to; everything else goes through the parser. Raises `BadNumber`.
    """
    compact = raw.translate(SEPARATORS)
    if compact.startswith("+") and compact.isascii() and compact[1:].isdigit():
        phone = international(compact)
        if phone:
            return phone
    return parsed(raw.strip(), default_country)


def international(e164: str) -> Phone | None:
    """The number if the patterns are sure of it, None if the parser must look."""
    for end in (3, 4, 2):
        regions = regions_by_code().get(e164[1:end])
        if regions:
            return in_regions(e164, e164[end:], regions)
    return None


def in_regions(e164: str, national: str, regions: tuple[Region, ...]) -> Phone | None:
    """The first region of the calling code that claims the number, as the parser asks them in turn."""
    prefix = regions[0].national_prefix
    if prefix and prefix.match(national):
        return None
    for region in regions:
        if region.leading_digits:
            if region.leading_digits.match(national):
                return Phone(e164, region.country) if region.has(national) else None
        elif region.has(national):
            return Phone(e164, region.country)
    return None


@cache
def regions_by_code() -> dict[str, tuple[Region, ...]]:
    codes = {str(code): regions for code, regions in REGIONS_BY_CODE.items() if "001" not in regions}
    return {code: tuple(region_of(name) for name in regions) for code, regions in codes.items()}


def region_of(name: str) -> Region:
    metadata = PhoneMetadata.metadata_for_region(name)
    assert metadata is not None, f"phonenumbers has no metadata of {name}"
    leading, prefix = metadata.leading_digits, metadata.national_prefix_for_parsing
    described = [desc for desc in (getattr(metadata, kind) for kind in KINDS) if desc]
    return Region(
        name,
        re.compile(leading) if leading else None,
        re.compile(prefix) if prefix else None,
        kind_of(metadata.general_desc or PhoneNumberDesc()),
        tuple(
            kind_of(desc) for desc in described if desc and desc.national_number_pattern not in (None, "NA")
        ),
        {},
    )


def kind_of(desc: PhoneNumberDesc) -> Kind:
    return Kind(frozenset(desc.possible_length), desc.national_number_pattern or "(?!)")


def parsed(raw: str, default_country: str | None) -> Phone:
    try:
        number = phonenumbers.parse(raw, default_country)
    except NumberParseException as problem:
        raise BadNumber(REASONS.get(problem.error_type, "This is not a phone number.")) from None
    country = phonenumbers.region_code_for_number(number)
    if number.extension:
        raise BadNumber("A number with an extension cannot receive messages.")
    if not country or country_index(country) == NO_COUNTRY or not phonenumbers.is_valid_number(number):
        raise BadNumber("No such number exists: check its digits and its country.")
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), country)


def country_of(e164: str) -> str | None:
    """The ISO country of a number in E.164, None where there is none."""
    try:
        return parse_phone(e164).country
    except BadNumber:
        return None
