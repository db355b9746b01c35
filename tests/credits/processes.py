"""Real processes on a committed database: they start together, and tell what came of it."""

import multiprocessing
import os
import signal
import traceback
from contextlib import contextmanager

from flask import Flask
from flask_babel import Babel

from webapp.db import db

FORK = multiprocessing.get_context("fork")
PATIENCE_S = 240


@contextmanager
def connected(url):
    """An application context with the database, on connections of its own, and the words of refusals."""
    app = Flask("ledger")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 1, "max_overflow": 0}
    db.init_app(app)
    Babel(app)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def race(url, work, count):
    """What `work(number)` answered in each of `count` processes, all let go at the same moment."""
    barrier, answers = FORK.Barrier(count), FORK.SimpleQueue()

    def run(number):
        try:
            with connected(url):
                db.session.execute(db.text("SELECT 1"))
                db.session.rollback()
                barrier.wait(PATIENCE_S)
                answers.put((number, work(number)))
        except BaseException:
            barrier.abort()
            answers.put((number, Exception(traceback.format_exc())))

    processes = [FORK.Process(target=run, args=(number,), daemon=True) for number in range(count)]
    for process in processes:
        process.start()
    told = dict(answers.get() for _ in processes)
    for process in processes:
        process.join(PATIENCE_S)
    failures = [answer for answer in told.values() if isinstance(answer, Exception)]
    assert not failures, failures[0]
    return [told[number] for number in range(count)]


def outcome(act):
    """The name of the refusal, or the result."""
    from webapp.errors import Refused

    try:
        return act()
    except Refused as refusal:
        return type(refusal).__name__


def killed(url, act, *, statement):
    """Runs `act` in a process that kills itself before it sends its statement number `statement`.

    Beyond the last statement it is killed before the commit, or, one further, right after it. The answer
    is whether it was.
    """
    process = FORK.Process(target=run_and_die, args=(url, act, statement), daemon=True)
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode == -signal.SIGKILL


def run_and_die(url, act, statement):
    from sqlalchemy.orm import Session

    from webapp.credits.wire import Wire

    sent, send, commit = 0, Wire.send, Session.commit

    def counted(wire, sql, values):
        nonlocal sent
        sent += 1
        if sent == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(wire, sql, values)

    def last_words(session):
        nonlocal sent
        sent += 1
        if sent == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(session)
        sent += 1
        if sent == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    Wire.send, Session.commit = counted, last_words
    with connected(url):
        act()
