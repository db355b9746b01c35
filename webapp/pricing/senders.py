"""Who a message says it is from: the forms of a sender ID."""

import re
from typing import Final

ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[ -~]{1,11}")
NUMERIC: Final = re.compile(r"\+?[1-9][0-9]{8,14}")
SHORT_CODE: Final = re.compile(r"[0-9]{3,8}")


def form_of(sender: str) -> str | None:
    """`alphanumeric`, `short_code` or `numeric`, None for what no phone can show."""
    if SHORT_CODE.fullmatch(sender):
        return "short_code"
    if NUMERIC.fullmatch(sender):
        return "numeric"
    return "alphanumeric" if ALPHANUMERIC.fullmatch(sender) else None
