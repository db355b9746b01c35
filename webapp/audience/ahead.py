"""Doing the next piece of work while the last one waits for the database."""

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
END = object()


def ahead(items: Iterable[Item], count: int = 2) -> Iterator[Item]:
    """The same items, made in a thread of their own, up to `count` before they are asked for.

    What making one raises is raised here. When the consumer stops early, so does the thread.
    """
    waiting: queue.Queue[object] = queue.Queue(count)
    stopped = threading.Event()
    made = contextvars.copy_context()
    thread = threading.Thread(target=made.run, args=(produce, items, waiting, stopped), daemon=True)
    thread.start()
    try:
        while (found := waiting.get()) is not END:
            if isinstance(found, Failed):
                raise found.error
            yield found  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class Failed:
    """What was raised instead of an item."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def produce(items: Iterable[object], waiting: "queue.Queue[object]", stopped: threading.Event) -> None:
    try:
        for item in items:
            if not put(waiting, item, stopped):
                return
        put(waiting, END, stopped)
    except BaseException as error:  # it belongs to the consumer, whatever it is
        put(waiting, Failed(error), stopped)


def put(waiting: "queue.Queue[object]", item: object, stopped: threading.Event) -> bool:
    """Waits for room; False when nobody wants more."""
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
