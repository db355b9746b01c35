"""SQLAlchemy, the naming convention of constraints, and the unit of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, registry

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Identifier = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    # A registry, not a map on the class: Flask-SQLAlchemy copies the class, and two maps are refused.
    registry = registry(
        metadata=MetaData(naming_convention=NAMING_CONVENTION),
        type_annotation_map={str: Text(), int: BigInteger(), datetime: DateTime(timezone=True)},
    )


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


@contextmanager
def transaction() -> Iterator[Session]:
    """The unit of work: the outermost one commits or rolls back, one inside another joins it.

    A use case opens it, so that use cases can be put together (paying an order credits its
    package, scheduling a campaign places its hold) and still be one transaction of the database.
    """
    session = db.session()
    depth = session.info.get("transaction_depth", 0)
    session.info["transaction_depth"] = depth + 1
    try:
        yield session
        if depth == 0:
            session.commit()
        else:
            session.flush()
    except BaseException:
        if depth == 0:
            session.rollback()
        raise
    finally:
        session.info["transaction_depth"] = depth


def one_of(column: str, words: tuple[str, ...]) -> str:
    """The SQL of "this column holds one of these words", for a constraint; the words are ours."""
    return f"{column} IN ({', '.join(repr(word) for word in words)})"
