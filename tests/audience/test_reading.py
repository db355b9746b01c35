"""A big file is read by a process of its own: the same pieces, whatever becomes of that process."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from webapp.audience import reading, tables
from webapp.audience.errors import ImportRefused
from webapp.audience.reading import Piece, Source
from webapp.audience.rows import Plan

ROWS, PER_PIECE = 1_000, 100
LIMIT = 10**9


@pytest.fixture(autouse=True)
def every_file_is_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "APART_FROM_BYTES", 0)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started to read."""
    processes: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remember(*words: object, **given: object) -> subprocess.Popen[bytes]:
        processes.append(start(*words, **given))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(reading.subprocess, "Popen", remember)
    return processes


def source_of(path: Path) -> Source:
    """A file with good rows, a wrong number in every tenth, and a name that needs care."""
    lines = ["phone,name,note"]
    for n in range(ROWS):
        phone = "12" if n % 10 == 3 else f"+3933{n:08d}"
        lines.append(f'{phone},"Zoë \\ {n}",{"" if n % 2 else "€"}')
    path.write_bytes("\n".join(lines).encode() + b"\n")
    layout = tables.inspect(path, LIMIT)[0]
    return Source(path, layout, Plan(0, {"name": 1, "note": 2}, None), LIMIT, PER_PIECE)


def told(pieces: list[Piece]) -> list[tuple[object, ...]]:
    return [
        (one.number, one.position, one.position_total, one.taken, one.taken.objects, one.taken.columns)
        for one in pieces
    ]


def test_another_process_tells_what_reading_here_finds(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    source = source_of(tmp_path / "people.csv")
    pieces = list(reading.pieces_ahead(source))
    assert len(started) == 1 and len(pieces) == ROWS // PER_PIECE
    assert all({"objects", "columns"} <= vars(piece.taken).keys() for piece in pieces), "they come made"
    assert told(pieces) == told(list(reading.pieces(source)))
    assert sum(len(piece.taken.refusals) for piece in pieces) == ROWS // 10


def test_what_is_only_looked_at_is_not_made_ready_to_write(tmp_path: Path) -> None:
    source = source_of(tmp_path / "people.csv")
    looked_at = Source(source.path, source.layout, source.plan, LIMIT, PER_PIECE, to_write=False)
    assert all("objects" not in vars(piece.taken) for piece in reading.pieces_ahead(looked_at))


def test_when_the_other_process_is_killed_the_rest_is_read_here(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    source, pieces = source_of(tmp_path / "people.csv"), []
    for piece in reading.pieces_ahead(source):
        pieces.append(piece)
        if piece.number == 0:
            os.kill(started[0].pid, signal.SIGKILL)
    assert [piece.number for piece in pieces] == list(range(ROWS // PER_PIECE))
    assert told(pieces) == told(list(reading.pieces(source)))


def test_when_it_cannot_even_start_everything_is_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.sys, "executable", "/bin/false")
    source = source_of(tmp_path / "people.csv")
    assert told(list(reading.pieces_ahead(source))) == told(list(reading.pieces(source)))


def test_a_file_that_breaks_is_refused_here_with_what_was_good_before(tmp_path: Path) -> None:
    source, pieces = source_of(tmp_path / "people.csv"), []
    with source.path.open("ab") as file:
        file.write(b"\xff\xfe\n" + b"+39333000,x,y\n" * 50_000)
    with pytest.raises(ImportRefused, match=r"After row \d+ the file is not in the encoding"):
        pieces.extend(reading.pieces_ahead(source))
    assert [piece.number for piece in pieces] == list(range(len(pieces))) != []


def test_who_stops_early_leaves_no_process(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    pieces = reading.pieces_ahead(source_of(tmp_path / "people.csv"))
    next(pieces)
    pieces.close()
    assert started[0].returncode == -signal.SIGKILL


PARENT = """
import pickle, sys, time
from webapp.audience import reading
pieces = reading.pieces_apart(pickle.load(sys.stdin.buffer))
next(pieces)
print(pieces.gi_frame.f_locals["process"].pid, flush=True)
time.sleep(60)
"""


def test_when_the_worker_is_killed_its_reader_ends_too(tmp_path: Path) -> None:
    source = source_of(tmp_path / "people.csv")
    lines = source.path.read_bytes()
    source.path.write_bytes(lines + lines.partition(b"\n")[2] * 200)  # more than fits into a pipe
    words = [sys.executable, "-c", PARENT]
    parent = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None and parent.stdout is not None
    with parent.stdin, parent.stdout:
        parent.stdin.write(pickle.dumps(source))
        parent.stdin.close()
        reader = Path("/proc") / parent.stdout.readline().decode().strip()
        assert reader.exists()
        parent.kill()
        parent.wait()
    until = time.monotonic() + 20
    while reader.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not reader.exists()
