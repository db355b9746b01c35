"""The one place that reads the clock. Only views, commands and jobs call it; rules take `now`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

behind: ContextVar[timedelta] = ContextVar("behind", default=timedelta(0))


def now() -> datetime:
    """The current instant, in UTC and aware of it."""
    return datetime.now(UTC) - behind.get()


@contextmanager
def set_back(by: timedelta) -> Iterator[None]:
    """Inside, it is that much earlier: the example platform lives through its past weeks."""
    token = behind.set(by)
    try:
        yield
    finally:
        behind.reset(token)
