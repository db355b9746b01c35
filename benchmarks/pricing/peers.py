"""Other people's libraries, installed by the benchmark itself into `instance/bench-peers/`."""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

PEERS = Path("instance/bench-peers")
NODE = """
const peer = require('@trt2/gsm-charset-utils');
const texts = JSON.parse(require('fs').readFileSync('texts.json'));
const rates = [];
// Two rounds first, in which Node compiles.
for (let round = 0; round < ROUNDS; round++) {
  const start = process.cpuUsage();
  for (const text of texts) peer.getCharCount(text);
  const used = process.cpuUsage(start);
  if (round >= 2) rates.push(texts.length / ((used.user + used.system) / 1e6));
}
console.log(JSON.stringify({rates, counts: texts.map((text) => peer.getCharCount(text).msgCount)}));
"""


def python_peer(name: str) -> Any:
    folder = PEERS.absolute() / "python"
    if not (folder / name).is_dir():
        options = ["--quiet", "--disable-pip-version-check", "--target", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, name], check=True)
    sys.path.append(str(folder))
    return __import__(name)


def has_node() -> bool:
    return bool(shutil.which("node") and shutil.which("npm"))


def npm_peer(texts: list[str], rounds: int) -> tuple[float, list[int]]:
    """Messages a CPU second of the best npm peer, warm, at the median, and its counts of the texts."""
    folder = PEERS.absolute() / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@trt2").is_dir():
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]
        subprocess.run(["npm", "install", *quiet, "@trt2/gsm-charset-utils"], cwd=folder, check=True)
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "run.cjs").write_text(NODE.replace("ROUNDS", str(rounds + 2)))
    ran = subprocess.run(["node", "run.cjs"], cwd=folder, capture_output=True, text=True, check=True)
    answer = json.loads(ran.stdout)
    return statistics.median(answer["rates"]), answer["counts"]
