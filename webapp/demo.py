"""An example platform, made through the real use cases."""


def fill_if_empty() -> str | None:
    """Fills an empty installation; returns how to sign in, or None when there was something already."""
    return None
