"""How long to leave a gateway alone that does not answer."""

from datetime import datetime, timedelta

FIRST_S = 1.0
MOST_S = 60.0


def next_attempt_at(failures: int, now: datetime) -> datetime:
    """When to try again after this many failures in a row: 1 s, 2 s, 4 s, at most a minute."""
    return now + timedelta(seconds=min(MOST_S, FIRST_S * 2 ** min(max(failures, 1) - 1, 10)))
