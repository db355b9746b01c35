"""The one place that reads the clock. Only views, commands and jobs call it; rules take `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current instant, in UTC and aware of it."""
    return datetime.now(UTC)
