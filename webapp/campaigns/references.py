"""The reference under which a gateway knows a message: a token of the campaign, and the message's id.

The token is drawn anew for every campaign, so that ids used again (a database restored from a backup) are
never taken for messages that the gateway already has.
"""

import secrets


def new_token() -> str:
    """Sixteen hexadecimal digits."""
    return secrets.token_hex(8)


def reference_of(token: str, message_id: int) -> str:
    return f"{token}-{message_id}"


def parse_reference(reference: str) -> tuple[str, int] | None:
    """Token and message id; None for what is no reference of ours."""
    token, dash, number = reference.rpartition("-")
    if not dash or not token or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        return None
    return token, int(number)
