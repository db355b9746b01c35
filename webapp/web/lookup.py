"""Finding one thing, or answering 404: never more than the person's own platform may show."""

from typing import TypeVar

from flask import abort
from sqlalchemy import Select

from webapp.db import db

Row = TypeVar("Row")


def one_or_404(statement: Select[Row]) -> Row:
    """The one row of the statement, which must say whose it is (`platform_id == current_platform().id`)."""
    found = db.session.scalars(statement).unique().one_or_none()
    if found is None:
        abort(404)
    return found
