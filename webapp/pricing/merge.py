"""Texts with merge fields: `{first_name}`, `{first_name|friend}`, and `{{` `}}` for the braces themselves."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from flask_babel import gettext as _

from webapp.errors import Refused

TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class MergeError(Refused):
    """A text whose braces do not match; `facts["index"]` is where."""

    slug = "invalid-request"


class UnknownFields(Refused):
    """A text asks for fields that no chosen list has; `facts["fields"]` are their names."""

    slug = "invalid-request"


class Field(NamedTuple):
    """A place where a recipient's value stands, or `default` where the value is empty."""

    name: str
    default: str


@dataclass(frozen=True)
class Template:
    """Literal texts and fields in turn: there is always one literal more than there are fields."""

    source: str
    literals: tuple[str, ...]
    places: tuple[Field, ...]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, each once, in order of appearance."""
        return tuple(dict.fromkeys(place.name for place in self.places))

    def render(self, values: Mapping[str, object]) -> str:
        """The text with the values of one recipient, which are never expanded again."""
        pieces = [self.literals[0]]
        for place, literal in zip(self.places, self.literals[1:], strict=True):
            pieces.append(text_of(values.get(place.name)) or place.default)
            pieces.append(literal)
        return "".join(pieces)


def text_of(value: object) -> str:
    return "" if value is None else str(value)


def parse(text: str) -> Template:
    """The template of a text. Raises `MergeError` with a sentence and the place."""
    literals, places, literal, end = [], [], "", 0
    for token in TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        places.append(field_of(text, token))
        literals.append(literal)
        literal = ""
    return Template(text, (*literals, literal + text[end:]), tuple(places))


def literal(text: str) -> Template:
    """A template without fields, in which braces mean nothing: for texts that come complete."""
    return Template(text, (text,), ())


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """The source of a text with a change made to what stands between its fields."""
    pieces, end = [], 0
    for token in TOKEN.finditer(text):
        pieces += [change(text[end : token.start()]), token[0]]
        end = token.end()
    return "".join([*pieces, change(text[end:])])


def field_of(text: str, token: re.Match[str]) -> Field:
    inside: str | None = token[1]
    if inside is None:
        raise MergeError(mismatch(token[0]), index=token.start(), text=text)
    name, _bar, default = inside.partition("|")
    if not name.strip():
        raise MergeError(
            _("A merge field has no name: write it between the braces."), index=token.start(), text=text
        )
    return Field(name.strip(), default)


def mismatch(brace: str) -> str:
    if brace == "{":
        return str(_("A brace is opened and not closed: write {{ for a brace itself."))
    return str(_("A brace is closed that was not opened: write }} for a brace itself."))


def require_known(template: Template, known: set[str]) -> None:
    """Raises `UnknownFields` if the template has a field that is not in `known`."""
    unknown = [name for name in template.fields if name not in known]
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in unknown)
        raise UnknownFields(_("No chosen list has the field %(names)s.", names=names), fields=unknown)
