"""What counts as a number of credits: whole, positive, and exact in every program that reads it."""

from collections.abc import Iterable

from webapp.errors import Refused

MOST_CREDITS = 2**53 - 1  # the largest integer that JavaScript and spreadsheets hold exactly


class BadQuantity(Refused, ValueError):
    """Something that is no number of credits: zero, negative, a fraction, text, a boolean, too many."""

    slug = "invalid-request"


def credits_of(value: object, what: str = "credits", *, zero_allowed: bool = False) -> int:
    """The value as a number of credits, 1 (or 0) to 2^53 - 1. Raises `BadQuantity`."""
    if type(value) is not int:
        raise BadQuantity(f"{what} must be a whole number.", quantity=repr(value))
    if value < (0 if zero_allowed else 1):
        raise BadQuantity(f"{what} must be {'0 or more' if zero_allowed else 'at least 1'}.", quantity=value)
    if value > MOST_CREDITS:
        raise BadQuantity(f"{what} must be at most {MOST_CREDITS:,}.", quantity=value)
    return value


def total_of(values: Iterable[int], what: str = "The total of the credits") -> int:
    """The sum of checked quantities, which must be one itself. Raises `BadQuantity`."""
    return credits_of(sum(values), what, zero_allowed=True)


def identifier_of(value: object, what: str) -> int:
    """The value as a database identifier. Raises `BadQuantity`."""
    if type(value) is not int or not 0 < value < 2**63:
        raise BadQuantity(f"{what} must be an identifier.", quantity=repr(value))
    return value
