"""Sharing a whole number in proportion, exactly (R10): largest remainder, ties by the lower id."""

from collections.abc import Container, Mapping


def apportion(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Shares of `total` in proportion to the weights, none above its weight, their sum exact.

    Quotas are rounded down; what is left over goes, one each, to the largest remainders.
    `total` must not exceed the weights' sum. Integer arithmetic only, so any size is exact.
    """
    whole = sum(weights.values())
    if total < 0 or total > whole or any(weight < 0 for weight in weights.values()):
        raise ValueError("the total must be between 0 and the sum of the weights, none negative")
    if not total:
        return dict.fromkeys(weights, 0)
    shares = {key: total * weight // whole for key, weight in weights.items()}
    left_over = total - sum(shares.values())
    by_remainder = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in by_remainder[:left_over]:
        shares[key] += 1
    return shares


def take_expired(credits: int, unassigned: int, assigned: Mapping[int, int]) -> tuple[int, dict[int, int]]:
    """Who bears `credits` that expire: the unassigned first, only the remainder the lists (R10).

    The answer is (off the unassigned, off each list); lists that bear nothing are left out.
    """
    off_unassigned = min(credits, unassigned)
    shares = apportion(credits - off_unassigned, assigned)
    return off_unassigned, {list_id: share for list_id, share in shares.items() if share}


def take_expired_of(
    credits: int, wanted: Mapping[int | None, int], limited: Container[int]
) -> dict[int | None, int]:
    """Who bears `credits` that expire, among what is released by list: as `take_expired` tells it.

    What goes to a list that is not `limited` (any more) goes to the unassigned, and bears first.
    """
    to_lists = {i: n for i, n in wanted.items() if i is not None and i in limited}
    to_pool = [(i, n) for i, n in wanted.items() if i not in to_lists]
    left, off_lists = take_expired(credits, sum(n for _, n in to_pool), to_lists)
    off: dict[int | None, int] = dict(off_lists.items())
    for list_id, credits_there in to_pool:
        off[list_id] = min(left, credits_there)
        left -= off[list_id]
    return off
