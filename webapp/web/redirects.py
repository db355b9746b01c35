"""Going back to where somebody came from, and never to another site."""

from urllib.parse import urlsplit

HOME = "/"


def local_path(target: str | None, otherwise: str = HOME) -> str:
    """`target` when it is a path of this site, else `otherwise`.

    Browsers read a backslash as a slash and drop control characters, so both are refused.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    if "\\" in target or any(ord(character) < 32 for character in target):
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc else target
