"""A real process that imports is killed with SIGKILL: nothing is lost, and running it again finishes it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine, text

from tests.audience.scenes import NOW, csv_file, make_list
from tests.personas import make_platform
from webapp.audience import snapshots, uploading
from webapp.audience.models import Import
from webapp.db import db, transaction

ROWS, DISTINCT, BAD, BATCH_ROWS = 3_000, 2_500, 40, 250
ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from webapp import config, create_app
from webapp.audience import importing, reading
reading.APART_FROM_BYTES = 0
url, instance, import_id, batch_rows = sys.argv[1:]
importing.BATCH_ROWS = int(batch_rows)
settings = config.Settings(database_url=url, instance=Path(instance), secret_key="a secret for tests only")
with create_app(settings, url).app_context():
    importing.run_import(int(import_id), now=datetime.now(UTC))
"""


def rows() -> list[list[str]]:
    """Numbers of which some come twice, far apart, and some that are none."""
    numbers = [f"+39333{place % DISTINCT:07d}" for place in range(ROWS - BAD)] + ["nonsense"] * BAD
    return [["phone", "name"], *([number, f"name {place}"] for place, number in enumerate(numbers))]


def confirmed(app: Flask, name: str) -> tuple[int, int]:
    """A list and a confirmed import of those rows."""
    with app.app_context(), transaction():
        customers = make_list(make_platform(name))
        file = io.BytesIO(csv_file(rows()))
        task = uploading.upload(
            customers.platform_id, customers.id, "a.csv", file, by_id=None, by_name="Ada", now=NOW
        )
        uploading.choose_columns(customers.platform_id, task.id, ["phone", "field:name"], "IT", check=False)
        uploading.confirm(customers.platform_id, task.id, now=NOW, enqueue=False)
        return customers.id, task.id


def runner(app: Flask, import_id: int) -> "subprocess.Popen[bytes]":
    arguments = (app.config["SQLALCHEMY_DATABASE_URI"], app.instance_path, str(import_id), str(BATCH_ROWS))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], env=environment, cwd=ROOT)


def killed_after(app: Flask, import_id: int, batches: int) -> None:
    """Runs the import in a process and kills it when so many batches are in."""
    kill_when(app, runner(app, import_id), f"SELECT batches >= {batches} FROM import WHERE id = {import_id}")


def kill_when(app: Flask, process: "subprocess.Popen[bytes]", condition: str) -> None:
    """Kills the process as soon as the condition, a query, is true."""
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    deadline = time.monotonic() + 120
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while process.poll() is None and time.monotonic() < deadline:
                if connection.scalar(text(condition)):
                    break
                time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        engine.dispose()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"


def state(app: Flask, list_id: int, import_id: int) -> tuple[object, ...]:
    """Everything that must be as if nothing had happened."""
    with app.app_context():
        task = db.session.get_one(Import, import_id)
        loaded = snapshots.load_audience(task.platform_id, [list_id]).lists[0]
        refused = text("SELECT row, reason FROM import_refusal WHERE import_id = :id ORDER BY row")
        dirty = text("SELECT count(*) FROM recipient_chunk WHERE list_id = :id AND dirty")
        stored = text("SELECT phone, fields->>'name' FROM recipient WHERE list_id = :id ORDER BY phone")
        return (
            (
                task.status,
                task.rows_read,
                task.added,
                task.updated,
                task.unchanged,
                task.duplicates,
                task.refused,
            ),
            sorted(zip(loaded.phones.tolist(), loaded.fields["name"], strict=True)),
            db.session.execute(stored, {"id": list_id}).all(),
            db.session.execute(refused, {"id": import_id}).all(),
            db.session.execute(dirty, {"id": list_id}).scalar(),
        )


def test_an_import_killed_twice_ends_like_one_that_was_not(committed_app: Flask) -> None:
    app = committed_app
    undisturbed, disturbed = confirmed(app, "Aurora"), confirmed(app, "Borealis")
    assert runner(app, undisturbed[1]).wait() == 0
    for batches in (1, 6):
        killed_after(app, disturbed[1], batches)
    with app.app_context():
        between = db.session.get_one(Import, disturbed[1])
        assert between.status == "running"
        assert BATCH_ROWS <= between.rows_read < ROWS
    assert runner(app, disturbed[1]).wait() == 0
    expected, found = state(app, *undisturbed), state(app, *disturbed)
    assert expected[0] == ("done", ROWS, DISTINCT, 0, 0, ROWS - BAD - DISTINCT, BAD)
    assert found == expected


def test_two_workers_with_one_import_do_it_once(committed_app: Flask) -> None:
    app = committed_app
    list_id, import_id = confirmed(app, "Aurora")
    processes = [runner(app, import_id) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    counts = state(app, list_id, import_id)[0]
    assert counts == ("done", ROWS, DISTINCT, 0, 0, ROWS - BAD - DISTINCT, BAD)


def test_the_command_killed_and_run_again_finishes_the_import_it_had_begun(
    committed_app: Flask, tmp_path: Path
) -> None:
    app, file = committed_app, tmp_path / "people.csv"
    file.write_bytes(csv_file(rows() * 16))
    with app.app_context(), transaction():
        make_list(make_platform("Aurora"), "VIP")
    words = [sys.executable, "-m", "webapp", "import", "VIP", str(file), "--country", "IT", "--json"]
    environment = os.environ | {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SMS_CREDITS_INSTANCE": app.instance_path,
        "SECRET_KEY": "a secret for tests only, long enough",
        "PYTHONPATH": str(ROOT),
    }
    kill_when(app, subprocess.Popen(words, env=environment, cwd=ROOT), "SELECT max(batches) >= 1 FROM import")
    with app.app_context():
        (begun,) = db.session.scalars(text("SELECT id FROM import WHERE status = 'running'"))
    again = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["import"], told["status"], told["added"]) == (begun, "done", DISTINCT)
    with app.app_context():
        assert db.session.execute(text("SELECT id, status FROM import")).all() == [(begun, "done")]
    anew = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert json.loads(anew.stdout)["import"] != begun, "one that is done is done"
