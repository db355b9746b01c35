"""When a campaign goes out: a wall time as somebody typed it, in the platform's zone, becomes an instant.

Twice a year the wall time of a zone is no instant (the clocks jump over it) or two (they go back). Both are
said in a sentence instead of being guessed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _

from webapp.errors import Refused

FORMAT = "%Y-%m-%dT%H:%M"
FURTHEST = timedelta(days=366 * 2)


class BadSendTime(Refused):
    """A time at which nothing can be sent; the sentence says why and what to choose."""

    slug = "invalid-request"


@dataclass(frozen=True)
class SendTime:
    """An instant, and what is to be said about it (None: nothing)."""

    at: datetime
    note: str | None = None


def read_send_time(local: str, zone: ZoneInfo, now: datetime) -> SendTime | None:
    """The instant of a wall time such as `2026-12-10T09:00`; None for an empty one, which means now.

    Raises `BadSendTime` for what cannot be read, has passed, lies too far ahead, or never is.
    """
    if not local.strip():
        return None
    wall = parse(local)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if not exists(first):
        raise BadSendTime(
            _(
                "%(time)s does not exist on that day: the clocks of %(zone)s jump over it. "
                "Choose %(later)s or later.",
                time=wall.strftime("%H:%M"),
                zone=zone.key,
                later=first_after_gap(first).strftime("%H:%M"),
            )
        )
    at = first.astimezone(UTC)
    check_range(at, now)
    if first.utcoffset() == second.utcoffset():
        return SendTime(at)
    return SendTime(
        at,
        str(
            _(
                "%(time)s comes twice on that day, because the clocks of %(zone)s go back. "
                "It is sent at the first one (%(offset)s).",
                time=wall.strftime("%H:%M"),
                zone=zone.key,
                offset=first.strftime("UTC%z")[:6].replace("UTC+0", "UTC+").replace("UTC-0", "UTC-"),
            )
        ),
    )


def parse(local: str) -> datetime:
    text = local.strip().replace(" ", "T")
    for form in (FORMAT, FORMAT + ":%S"):
        try:
            return datetime.strptime(text, form).replace(second=0)  # noqa: DTZ007
        except ValueError:
            continue
    raise BadSendTime(_("This is no date and time. Write it like 2026-12-10 09:00."))


def exists(at: datetime) -> bool:
    """Whether the clocks of its zone ever show this wall time."""
    back = at.astimezone(UTC).astimezone(at.tzinfo)
    return back.replace(tzinfo=None, fold=0) == at.replace(tzinfo=None, fold=0)


def first_after_gap(missing: datetime) -> datetime:
    """The first wall time after the gap in which this one lies."""
    before, after = (missing.replace(fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None
    assert after is not None
    jump = abs(after - before)
    wall = missing.replace(tzinfo=None)
    step = timedelta(minutes=1)
    while not exists(wall.replace(tzinfo=missing.tzinfo)) and wall < missing.replace(tzinfo=None) + jump:
        wall += step
    return wall


def check_range(at: datetime, now: datetime) -> None:
    if at < now - timedelta(minutes=1):
        raise BadSendTime(_("This time has passed. Choose a later one, or send now."))
    if at > now + FURTHEST:
        raise BadSendTime(_("This lies more than two years ahead. Choose an earlier time."))


def to_local(at: datetime, zone: ZoneInfo) -> str:
    """The wall time of an instant, as the field of a form wants it."""
    return at.astimezone(zone).strftime(FORMAT)
