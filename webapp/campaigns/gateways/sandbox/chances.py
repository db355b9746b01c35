"""Luck without dice: whether something happens to a message follows from the seed and its reference alone."""

import hashlib


def chance(seed: str, kind: str, reference: str) -> float:
    """A number in [0, 1), spread evenly over references, and the same every time it is asked for."""
    digest = hashlib.blake2b(f"{seed}\0{kind}\0{reference}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)


def happens(share: float, seed: str, kind: str, reference: str) -> bool:
    """Whether this reference is among the share of those to which it happens."""
    return chance(seed, kind, reference) < share
