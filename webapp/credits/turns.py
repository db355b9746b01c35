"""The same for each of many, of whom one may be broken."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

Done = TypeVar("Done")
log = logging.getLogger(__name__)


def each_in_turn(ids: Iterable[int], do: Callable[[int], Done]) -> list[Done]:
    """What `do` answers for each. Errors are logged; the first is raised when all had their turn."""
    done, failure = [], None
    for one in ids:
        try:
            done.append(do(one))
        except Exception as error:
            log.exception("%d could not have its turn", one)
            failure = failure or error
    if failure:
        raise failure
    return done
