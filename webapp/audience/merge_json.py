"""The merge values of many people as JSON, ready for COPY; pure."""

from collections.abc import Sequence
from json.encoder import encode_basestring as quoted


def json_objects(values: dict[str, list[str]], count: int) -> list[str]:
    """The values of each row as an object, escaped for COPY; empty ones are left out."""
    if not values:
        return ["{}"] * count
    names = [f"{quoted(name)}: " for name in values]
    columns = [encoded(name, column) for name, column in zip(names, values.values(), strict=True)]
    if all(all(column) for column in columns):
        return ["{" + ", ".join(pairs) + "}" for pairs in zip(*columns, strict=True)]
    return ["{" + ", ".join(filter(None, pairs)) + "}" for pairs in zip(*columns, strict=True)]


def encoded(name: str, column: Sequence[str]) -> list[str]:
    """`"name": "value"` for each value, empty for an empty one; a backslash is doubled for COPY."""
    pairs = [name + quoted(value) if value else "" for value in column]
    if any("\\" in pair for pair in pairs):
        return [pair.replace("\\", "\\\\") for pair in pairs]
    return pairs
