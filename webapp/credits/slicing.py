"""Taking an amount out of several places in order: a hold out of lots, a charge out of slices."""

from collections.abc import Iterable


class TooLittle(Exception):
    """The places together hold less than was asked; `missing` says by how much."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} missing")
        self.missing = missing


def take(credits: int, places: Iterable[tuple[int, int]]) -> dict[int, int]:
    """How much of `credits` each place gives, first come first emptied, from (id, amount there) in order.

    Places that give nothing are left out. Raises `TooLittle`.
    """
    taken: dict[int, int] = {}
    for place, there in places:
        if not credits:
            break
        if part := min(credits, there):
            taken[place] = part
            credits -= part
    if credits:
        raise TooLittle(credits)
    return taken
