"""Numbers in addresses: only such as the database can hold; a larger one is simply not there (404)."""

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**63 - 1


class Number(IntegerConverter):
    """`<int:list_id>` of every route."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:  # noqa: A002 - werkzeug's own name
        super().__init__(map, *args, **({"max": LARGEST} | kwargs))


def init_app(app: Flask) -> None:
    app.url_map.converters["int"] = Number
