"""The data of plugins as JSON and back: what the database keeps is what was checked, to the letter.

Tables of alphabets are kept once each, as hexadecimal code points, since JSON in the database has no NUL.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from webapp.pricing.api import Alphabet, Rate, RateCard, SegmentProfile

Json = dict[str, Any]


def card_to_json(card: RateCard) -> Json:
    return {
        "name": card.name,
        "source": card.source,
        "licence": card.licence,
        "left_out": list(card.left_out),
        "rates": [rate_to_json(rate) for rate in card.rates],
    }


def rate_to_json(rate: Rate) -> list[Any]:
    until = rate.effective_until.isoformat() if rate.effective_until else None
    return [rate.country, rate.credits_per_segment, rate.effective_from.isoformat(), until]


def rate_from_json(given: list[Any]) -> Rate:
    country, credits, first, until = given
    return Rate(country, credits, date.fromisoformat(first), date.fromisoformat(until) if until else None)


def card_from_json(given: Mapping[str, Any]) -> RateCard:
    rates = tuple(rate_from_json(rate) for rate in given["rates"])
    return RateCard(given["name"], rates, given["source"], given["licence"], tuple(given["left_out"]))


def alphabet_to_json(alphabet: Alphabet) -> Json:
    return {
        "name": alphabet.name,
        "basic": hexadecimal(alphabet.basic),
        "extension": hexadecimal(alphabet.extension),
        "locking_language": alphabet.locking_language,
        "single_shift_language": alphabet.single_shift_language,
    }


def alphabet_from_json(given: Mapping[str, Any]) -> Alphabet:
    return Alphabet(
        given["name"],
        characters(given["basic"]),
        characters(given["extension"]),
        given["locking_language"],
        given["single_shift_language"],
    )


def hexadecimal(text: str) -> str:
    return " ".join(f"{ord(character):04X}" for character in text)


def characters(points: str) -> str:
    return "".join(chr(int(point, 16)) for point in points.split())


def profiles_to_json(profiles: Iterable[SegmentProfile]) -> Json:
    """The profiles, with the alphabets they share beside them."""
    taken = list(profiles)
    alphabets = list(dict.fromkeys(alphabet for profile in taken for alphabet in profile.alphabets))
    index = {alphabet: number for number, alphabet in enumerate(alphabets)}
    return {
        "alphabets": [alphabet_to_json(alphabet) for alphabet in alphabets],
        "profiles": [profile_to_json(profile, index) for profile in taken],
    }


def profile_to_json(profile: SegmentProfile, index: Mapping[Alphabet, int]) -> Json:
    return {
        "country": profile.country,
        "alphabets": [index[alphabet] for alphabet in profile.alphabets],
        "edge_rule": profile.edge_rule,
        "concat_reference_bits": profile.concat_reference_bits,
        "part_limit": profile.part_limit,
        "required_text": profile.required_text,
        "sender_forms": list(profile.sender_forms),
    }


def profiles_from_json(given: Mapping[str, Any]) -> tuple[SegmentProfile, ...]:
    alphabets = [alphabet_from_json(alphabet) for alphabet in given["alphabets"]]
    return tuple(profile_from_json(profile, alphabets) for profile in given["profiles"])


def profile_from_json(given: Mapping[str, Any], alphabets: list[Alphabet]) -> SegmentProfile:
    return SegmentProfile(
        given["country"],
        tuple(alphabets[number] for number in given["alphabets"]),
        given["edge_rule"],
        given["concat_reference_bits"],
        given["part_limit"],
        given["required_text"],
        tuple(given["sender_forms"]),
    )


def handed_over_to_json(cards: Iterable[RateCard], profiles: Iterable[SegmentProfile]) -> Json:
    """All that one plugin hands over."""
    return {"cards": [card_to_json(card) for card in cards], **profiles_to_json(profiles)}


def handed_over_from_json(
    given: Mapping[str, Any],
) -> tuple[tuple[RateCard, ...], tuple[SegmentProfile, ...]]:
    return tuple(card_from_json(card) for card in given["cards"]), profiles_from_json(given)
