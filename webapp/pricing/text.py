"""What happens to a text before it is counted: nothing that cannot be sent is left in it."""

import re
import unicodedata
from typing import Final

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
CONTROLS: Final = re.compile("[\x00\x1b]")
REPLACEMENT_CHARACTER: Final = "\ufffd"


def normalise(text: str) -> str:
    """The text as it is sent: Unicode that can be encoded, lines ended by LF, composed (NFC).

    A lone surrogate becomes U+FFFD; NUL and ESC, which no message can carry, become a space.
    """
    if "\r" in text or "\x1b" in text or "\x00" in text:
        text = CONTROLS.sub(" ", text).replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # asked in this way, because it costs a text without surrogates nearly nothing
        text = LONE_SURROGATE.sub(REPLACEMENT_CHARACTER, text)
    return unicodedata.normalize("NFC", text)


def complete(text: str, required: str) -> str:
    """The text with what its country requires at the end, after one line feed, unless it ends with it."""
    if not required or not text or text.endswith(required):
        return text
    return f"{text}\n{required}"


def name_of(character: str) -> str:
    """The Unicode name, or for what has none what it is: a control, a private or an unassigned character."""
    kinds = {"Cc": "CONTROL CHARACTER", "Co": "PRIVATE USE CHARACTER", "Cs": "LONE SURROGATE"}
    return unicodedata.name(character, kinds.get(unicodedata.category(character), "UNASSIGNED CHARACTER"))
