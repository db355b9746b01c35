"""How often something may be tried, counted in the database, so that all web processes count together."""

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import Storage
from sqlalchemy import Index, case, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from webapp import clock
from webapp.db import Model, db, transaction

View = Callable[..., Any]


class Throttle(Model):
    """How often something was tried within a window, by the key of limit and person or address."""

    __tablename__ = "throttle"
    __table_args__ = (Index(None, "expires_at"), {"prefixes": ["UNLOGGED"]})

    key: Mapped[str] = mapped_column(primary_key=True)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    expires_at: Mapped[datetime]


class TableStorage(Storage):
    """Flask-Limiter's counts in the table `throttle`, one row for each window that is open."""

    STORAGE_SCHEME = ["table"]  # noqa: RUF012

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts one more; a window that has ended starts anew."""
        now = clock.now()
        fresh = {"attempts": amount, "expires_at": now + timedelta(seconds=expiry)}
        row = insert(Throttle).values(key=key, **fresh)
        running = Throttle.expires_at > now
        counted = row.on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((running, Throttle.attempts + amount), else_=amount),
                "expires_at": case((running, Throttle.expires_at), else_=fresh["expires_at"]),
            },
        ).returning(Throttle.attempts)
        with transaction() as session:
            return session.scalar(counted) or amount

    def get(self, key: str) -> int:
        found = select(Throttle.attempts).where(Throttle.key == key, Throttle.expires_at > clock.now())
        return db.session.scalar(found) or 0

    def get_expiry(self, key: str) -> float:
        found = db.session.scalar(select(Throttle.expires_at).where(Throttle.key == key))
        return found.timestamp() if found else time.time()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with transaction() as session:
            return session.execute(delete(Throttle)).rowcount  # type: ignore[attr-defined,no-any-return]

    def clear(self, key: str) -> None:
        with transaction() as session:
            session.execute(delete(Throttle).where(Throttle.key == key))


def limiter_for(app: Flask) -> Limiter:
    """The limiter of this application; what it limits is said where the views are."""
    return Limiter(get_remote_address, app=app, storage_uri="table://", strategy="fixed-window")


def retry_after_s(now: datetime) -> int:
    """In how many seconds what was refused just now may be tried again."""
    limits = [limiter.current_limit for limiter in current_app.extensions["limiter"]]
    waits = [math.ceil(limit.reset_at - now.timestamp()) for limit in limits if limit]
    return int(max([1, *waits]))


def throttled(
    limiter: Limiter, view: View, limits: dict[Callable[[], str], str], counts: Callable[[Response], bool]
) -> View:
    """The view with its POSTs limited: by each key, so many in so long. `counts` says which answers count."""
    for key, amount in limits.items():
        view = limiter.limit(amount, key_func=key, methods=["POST"], deduct_when=counts)(view)
    return view


def forget_old(now: datetime) -> None:
    """Deletes the windows that have ended."""
    with transaction() as session:
        session.execute(delete(Throttle).where(Throttle.expires_at < now))
