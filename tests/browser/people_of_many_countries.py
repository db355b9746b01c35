"""A file of recipients from many countries, with names of many alphabets."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from openpyxl import Workbook

NAMES = (
    "Ada",
    "Zoë",
    "Mateo",
    "Ωρίων",
    "Łucja",
    "Ivan",
    "李雷",
    "Ayşe",
    "Søren",
    "Jürgen",
    "Amélie 🌷",
    "{Bo}",
    "Kim",
)
LONG = "Maximiliane-Theodora von und zu Beispielshausen, "


@dataclass(frozen=True)
class Row:
    phone: str
    name: str
    shop: str


def numbers_of(country: str, wanted: int, chance: random.Random) -> list[str]:
    """Different valid mobile numbers of a country: its example number with other last digits."""
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return []
    base, found = str(example.national_number), set()
    for _ in range(wanted * 12):
        digits = base[:-4] + f"{chance.randrange(10_000):04}"
        number = phonenumbers.PhoneNumber(example.country_code, int(digits), italian_leading_zero=None)
        if phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == country:
            found.add(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        if len(found) == wanted:
            break
    return sorted(found)


def make_rows(countries: Sequence[str], people: int, seed: int = 7) -> list[Row]:
    """`people` rows, spread evenly over the countries; the same for the same seed."""
    chance = random.Random(seed)
    each = -(-people // len(countries)) + 2
    pots = [numbers for country in countries if (numbers := numbers_of(country, each, chance))]
    phones = [numbers[place] for place in range(each) for numbers in pots if place < len(numbers)]
    chance.shuffle(phones)
    assert len(phones) >= people, "too few valid numbers"
    return [
        Row(
            phone,
            chance.choice(NAMES),
            chance.choice(("", "Rome", LONG * chance.choice((0, 1, 1, 2)) + "Milan")),
        )
        for phone in phones[:people]
    ]


def write_xlsx(rows: Sequence[Row], path: Path) -> None:
    """The rows as a workbook, and after them two that no import can take."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("People")
    sheet.append(["Mobile", "First name", "Shop"])
    for row in rows:
        sheet.append([row.phone, row.name, row.shop])
    sheet.append(["not a number", "Nobody", ""])
    sheet.append(["+39 12", "Too short", ""])
    book.save(path)
