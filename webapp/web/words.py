"""Flask-Babel's words with their types: what a person reads is a string, whoever checks it."""

from typing import Any

import flask_babel


def gettext(text: str, **values: Any) -> str:
    """The text in the reader's language, its named placeholders filled."""
    return str(flask_babel.gettext(text, **values))


def ngettext(singular: str, plural: str, number: int, **values: Any) -> str:
    """The text for this number in the reader's language; `%(num)s` is the number."""
    return str(flask_babel.ngettext(singular, plural, number, **values))
