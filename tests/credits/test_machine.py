"""Every operation, in any order, against the model; every invariant after every step."""

import ast
import os
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from tests.credits import model
from tests.credits.machine import Ledger
from webapp.db import db

STEPS = 50
CI_RUNS = int(os.environ.get("LEDGER_RUNS", "500"))
SOAK_RUNS = 10_000
RUNS_TO_A_VACUUM = 4


def run_machine(app, runs, part=0):
    """Rolled back after every run; what that leaves behind is swept away now and then.

    Where Hypothesis is told to draw the same every time (CI), each part draws from a seed of its own.
    """
    counted = count(1)

    class Swept(Ledger):
        def teardown(self):
            super().teardown()
            if next(counted) % RUNS_TO_A_VACUUM == 0:
                with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(text("VACUUM ANALYZE"))

    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        report_multiple_bugs=False,
    )
    with app.app_context():
        run_state_machine_as_test(seed(part)(Swept), settings=chosen)


@pytest.mark.parametrize("part", range(4))
def test_any_history_agrees_with_the_rules(committed_app, part):
    run_machine(committed_app, CI_RUNS // 4, part)


@pytest.mark.soak
def test_ten_thousand_histories_agree_with_the_rules(committed_app):
    run_machine(committed_app, SOAK_RUNS)


def test_the_model_is_short_and_knows_nothing_of_the_engine():
    source = Path(model.__file__).read_text()
    nodes = list(ast.walk(ast.parse(source)))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported == {"calendar", "datetime", "pickle", "zoneinfo"}
    assert len(source.splitlines()) <= 200
