"""What is marked in the field where a text is written: costly characters, and where the message is cut.

The preview marks the message as somebody reads it; here the marks stand in the source, between its fields.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from webapp.campaigns.previews import Preview
from webapp.pricing.merge import TOKEN, Template, field_of, text_of
from webapp.pricing.segmentation import Segmentation


@dataclass(frozen=True)
class WritingMarks:
    """Characters outside the alphabet, characters that count two, and cuts as offsets of UTF-16."""

    offenders: str
    wide: str
    cuts: tuple[int, ...]
    units: int


@dataclass(frozen=True)
class Piece:
    """Some of a source, and how many characters of the message it becomes."""

    start: int
    end: int
    characters: int
    is_field: bool = False


def writing_marks(template: Template | None, shown: Preview | None) -> WritingMarks | None:
    """The marks for a text as this person reads it; None where there is no message to show."""
    if template is None or shown is None:
        return None
    source, text = template.source, shown.segmentation
    offenders = dict.fromkeys(one.character for one in text.offenders)
    wide = dict.fromkeys(text.coding.wide.findall(source))
    return WritingMarks(
        "".join(offenders),
        "".join(each for each in wide if each not in offenders),
        tuple(utf16_units(source[:cut]) for cut in cuts_in_source(template, shown.values, text)),
        utf16_units(source),
    )


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cuts_in_source(template: Template, values: Mapping[str, object], text: Segmentation) -> Iterator[int]:
    """Where in the source each part but the first begins; after a field when the cut is within its value.

    None where normalising or plain signs have changed the text: then places no longer correspond.
    """
    if not text.text.startswith(template.render(values)):
        return
    found = list(pieces(template.source, values))
    starts = [0]
    for piece in found:
        starts.append(starts[-1] + piece.characters)
    for cut in text.cuts:
        if cut >= starts[-1]:
            return
        index = bisect_right(starts, cut) - 1
        piece, within = found[index], cut - starts[index]
        yield piece.end if piece.is_field and within else piece.start + within


def pieces(source: str, values: Mapping[str, object]) -> Iterator[Piece]:
    """The source in pieces: what stands between tokens, doubled braces, fields."""
    end = 0
    for token in TOKEN.finditer(source):
        yield Piece(end, token.start(), token.start() - end)
        end = token.end()
        if token[1] is None:
            yield Piece(token.start(), end, 1)
        else:
            place = field_of(source, token)
            value = text_of(values.get(place.name)) or place.default
            yield Piece(token.start(), end, len(value), is_field=True)
    yield Piece(end, len(source), len(source) - end)
