"""The reference a buyer writes on a bank transfer: an RF creditor reference (ISO 11649).

Its two check digits (ISO 7064, modulus 97) let banks, and our own search, notice a mistyped one.
"""

import re

_DIGITS = re.compile(r"[0-9]{10,23}")
_RF = "2715"  # R and F as digits, by ISO 7064: A is 10, Z is 35


def creditor_reference(order_id: int) -> str:
    """The reference of an order, in groups of four as people copy it: `RF18 0000 0042`."""
    if order_id < 1:
        raise ValueError("orders are numbered from 1")
    body = f"{order_id:08d}"
    check = 98 - int(f"{body}{_RF}00") % 97
    plain = f"RF{check:02d}{body}"
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def order_of(reference: str) -> int | None:
    """The order a reference belongs to, however it was spaced; None when its check digits are wrong."""
    plain = "".join(reference.split()).upper()
    digits = plain[2:]
    if (
        not plain.startswith("RF")
        or not 10 <= len(digits) <= 23
        or not (digits.isascii() and digits.isdigit())
    ):
        return None
    if int(f"{digits[2:]}{_RF}{digits[:2]}") % 97 != 1:
        return None
    return int(digits[2:]) or None
