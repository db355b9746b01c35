"""How fast texts are counted and audiences are quoted, beside other people's libraries in the same run.

    python -m benchmarks.pricing [--people 1000000] [--rounds 5] [--out pricing.json]

The peers are installed by the run itself into `instance/bench-peers/`: `smsutil` from PyPI, and
`@trt2/gsm-charset-utils` from npm. Rounds go in turns, so that a busy machine is busy for all of them;
what counts are the ratios. Single messages are measured in CPU time, quotes in both.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.pricing.audiences import measure_quotes, ten_times
from benchmarks.pricing.fragment import measure_fragment
from benchmarks.pricing.messages import one_message
from benchmarks.pricing.people import three_lists
from benchmarks.pricing.results import Results
from webapp import config, create_app, migrating
from webapp.accounts.models import Platform
from webapp.db import transaction
from webapp.processes import postgres


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--out", type=Path, default=Path("instance/bench-pricing.json"))
    options = asked.parse_args()
    results = Results()
    one_message(results, options.rounds)
    from_database(results, options.people, options.rounds)
    ten_times(results, options.people)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"people": options.people, "results": results.rows}, indent=1) + "\n")


def from_database(results: Results, people: int, rounds: int) -> None:
    """Three overlapping lists of together `people` persons, quoted cold and again with other texts."""
    with tempfile.TemporaryDirectory(prefix="sms-credits-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = postgres.locate(folder / "pg")
        with postgres.running(cluster, remove=True):
            url = cluster.url("postgres")
            settings = config.Settings(
                database_url=url, instance=folder / "instance", secret_key="for a benchmark"
            )
            app = create_app(settings, url)
            migrating.migrate(app)
            with app.app_context():
                platform_id = new_platform()
                list_ids = three_lists(platform_id, people)
                measure_quotes(results, platform_id, list_ids, people, rounds)
                measure_fragment(results, app, platform_id, list_ids)


def new_platform() -> int:
    with transaction() as session:
        platform = Platform(name="Benchmark")
        session.add(platform)
        session.flush()
        return platform.id


if __name__ == "__main__":
    main()
