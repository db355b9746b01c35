"""`make bench`: the ledger beside TPC-B. The figures are printed and kept; only a wrong design fails."""

import pytest

from benchmarks import ledger


@pytest.mark.bench
def test_the_ledger_is_as_fast_as_its_design_promises(capsys):
    with capsys.disabled():
        bench = ledger.run(rounds=5, seconds=5, transactions=5_000_000)
    assert [figure.name for figure in bench.figures if figure.verdict == "DESIGN"] == []
