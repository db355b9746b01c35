"""Uploaded files: kept in the database in pieces, so that any worker finds them; on disk while read.

A file goes with its import: once that is done, cancelled or forgotten, nothing of it stays.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from webapp.audience.models import ImportPart
from webapp.db import transaction

PART_BYTES = 1 << 20
FOLDER = "uploads"


def store(import_id: int, stream: IO[bytes]) -> int:
    """Keeps the file; returns its size in bytes."""
    size = 0
    with transaction() as session:
        for number, data in enumerate(iter(lambda: stream.read(PART_BYTES), b"")):
            size += len(data)
            session.execute(insert(ImportPart).values(import_id=import_id, number=number, data=data))
    return size


@contextmanager
def on_disk(import_id: int) -> Iterator[Path]:
    """The file as a file, for as long as it is being read. FileNotFoundError when nothing is kept."""
    folder = Path(current_app.instance_path) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"import-{import_id}-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            written = copy_parts(import_id, file)
        if not written:
            raise FileNotFoundError(f"the file of import {import_id} is no longer kept")
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def kept(import_id: int, path: Path | None) -> Iterator[Path]:
    """The file given, or the one that was uploaded."""
    if path is not None:
        yield path
        return
    with on_disk(import_id) as file:
        yield file


def copy_parts(import_id: int, file: IO[bytes]) -> int:
    """Writes the pieces one after the other; returns the bytes."""
    written, number = 0, 0
    with transaction() as session:
        while True:
            part = select(ImportPart.data).where(
                ImportPart.import_id == import_id, ImportPart.number == number
            )
            data = session.scalars(part).one_or_none()
            if data is None:
                return written
            written += file.write(data)
            number += 1


def discard(import_id: int) -> None:
    """Forgets the file."""
    with transaction() as session:
        session.execute(delete(ImportPart).where(ImportPart.import_id == import_id))
