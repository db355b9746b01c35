"""A worker process with tasks for tests: `python -m tests.setup.worker_for_tests URL`."""

import sys
import time
from pathlib import Path

from sqlalchemy import text

from webapp import config, create_app, jobs
from webapp.db import transaction


@jobs.task(name="test.mark", retry=False)
def mark(folder: str, name: str) -> None:
    """Leaves a file that tells which turn this is."""
    turn = len(list(Path(folder).glob(f"{name}.*")))
    (Path(folder) / f"{name}.{turn}").write_text("")


@jobs.task(name="test.linger", retry=False)
def linger(folder: str) -> None:
    """Never ends the first time, at once the second."""
    mark(folder, "linger")
    if len(list(Path(folder).glob("linger.*"))) == 1:
        time.sleep(600)
    mark(folder, "done")


@jobs.task(name="test.fail_twice", retry=jobs.procrastinate.RetryStrategy(max_attempts=5, wait=0))
def fail_twice(folder: str) -> None:
    mark(folder, "fail")
    if len(list(Path(folder).glob("fail.*"))) < 3:
        raise RuntimeError("not yet")
    mark(folder, "done")


@jobs.task(name="test.in_context", retry=False)
def in_context(folder: str) -> None:
    """Uses the database as a job of a feature does."""
    with transaction() as session:
        session.execute(text("SELECT 1"))
    mark(folder, "done")


@jobs.task(name="test.chain", retry=False)
def chain(folder: str, links: int) -> None:
    """A job that enqueues the next one, in its own transaction, as the dispatch of a campaign does."""
    mark(folder, "link")
    with transaction():
        if links > 1:
            chain.enqueue(folder=folder, links=links - 1, once="chain")


@jobs.periodic("* * * * * *", name="test.tick")
def tick() -> None:
    with transaction() as session:
        session.execute(text("INSERT INTO tick (at) VALUES (now())"))


def main(url: str, instance: str) -> None:
    settings = config.Settings(
        database_url=None, instance=Path(instance), secret_key="a secret for tests only"
    )
    app = create_app(settings, url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    jobs.run_worker(app)


if __name__ == "__main__":
    main(*sys.argv[1:])
