"""The batches of a file, read ahead of the database.

A big file is read by a process of its own (`python -m webapp.audience.reading`), which checks its numbers and
packs its columns while this one writes. It is told what to read, and tells piece by piece; what it could not
tell, because the file breaks or it was ended, is read here, where errors can be raised.
"""

import contextlib
import gc
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from webapp.audience.layout import Layout
from webapp.audience.rows import Plan, Taken, take
from webapp.audience.tables import batches
from webapp.errors import Refused

APART_FROM_BYTES = 2 << 20  # below, starting a process takes longer than reading


@dataclass(frozen=True)
class Source:
    """What to read: a file, how it is written, what its columns are, how many rows to a piece, and whether
    they are to be written down or only looked at."""

    path: Path
    layout: Layout
    plan: Plan
    unpacked_bytes_max: int
    rows: int
    to_write: bool = True


@dataclass(frozen=True)
class Piece:
    """The rows of one batch; `position` of `position_total` bytes of the file were read by then."""

    number: int
    position: int
    position_total: int
    taken: Taken


def pieces_ahead(source: Source) -> Generator[Piece]:
    """Every piece of the file in its order. Raises `ImportRefused` where the file breaks."""
    told = 0
    if source.path.stat().st_size >= APART_FROM_BYTES:
        for piece in pieces_apart(source):
            if piece is None:
                return
            yield piece
            told += 1
    yield from islice(pieces(source), told, None)


def pieces(source: Source) -> Iterator[Piece]:
    """Every piece, read here."""
    for batch in batches(source.path, source.layout, source.unpacked_bytes_max, source.rows):
        yield Piece(batch.number, batch.position, batch.position_total, take(batch, source.plan))


def pieces_apart(source: Source) -> Iterator[Piece | None]:
    """The pieces that another process reads, and None behind the last; without it, it did not get so far."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin as asked:
            pickle.dump(source, asked)
        with contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:
                yield pickle.load(process.stdout)  # noqa: S301 - from a process of ours, about a file of theirs
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def tell(asked: BinaryIO, told: BinaryIO) -> None:
    """What the other process does. Ends early, without a word, when nobody listens or the file breaks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for whoever asked
    gc.disable()  # it makes lists by the million, none of them in a circle
    source = pickle.load(asked)  # noqa: S301 - from the process that started this one
    with contextlib.suppress(BrokenPipeError, Refused):
        for piece in pieces(source):
            if source.to_write:
                _made_here = piece.taken.objects, piece.taken.columns
            pickle.dump(piece, told, pickle.HIGHEST_PROTOCOL)
        pickle.dump(None, told)
        told.flush()


if __name__ == "__main__":
    from webapp.audience import reading  # what is told must be of that module, not of this `__main__`

    reading.tell(sys.stdin.buffer, sys.stdout.buffer)
