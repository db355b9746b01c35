"""Callbacks that can be believed: an HMAC-SHA256 over the time and the body, under a shared key."""

import hashlib
import hmac
from datetime import datetime

HEADER = "X-Gateway-Signature"
TOLERANCE_S = 300


def signature(body: bytes, key: str, at_s: int) -> str:
    """The header's value for this body, signed at this second of the Unix clock."""
    return f"t={at_s},v1={_digest(body, key, at_s)}"


def is_signed(body: bytes, header: str, key: str, now: datetime) -> bool:
    """Whether the header is our signature of this body, made within the tolerance of `now`."""
    try:
        fields = dict(part.split("=", 1) for part in header.split(","))
        at_s = int(fields["t"])
    except (KeyError, ValueError):
        return False
    fresh = abs(now.timestamp() - at_s) <= TOLERANCE_S
    given = fields.get("v1", "").encode()
    return hmac.compare_digest(given, _digest(body, key, at_s).encode()) and fresh


def _digest(body: bytes, key: str, at_s: int) -> str:
    return hmac.new(key.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
