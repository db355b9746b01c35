"""Requests a page sends by itself. They are no sign of a person: they never keep a session alive."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import current_app, request

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def polled(view: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Marks a view that pages ask again and again (`hx-trigger="every …"`)."""
    view.polled = True  # type: ignore[attr-defined]
    return view


def is_polled() -> bool:
    """Whether the request under way is one of those."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "polled", False)
