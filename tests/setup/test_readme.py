"""What the README says is so."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from webapp import config
from webapp.campaigns import settings as sending

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Asked(Mapping[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, **given: str) -> None:
        self.given, self.names = given, set[str]()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)


def test_the_table_has_every_setting_and_no_other(tmp_path: Path) -> None:
    environ = Asked(SMS_CREDITS_INSTANCE=str(tmp_path))
    sending.read(config.read(environ), environ)
    listed = re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == environ.names


def test_the_numbers_of_the_table_are_the_defaults(tmp_path: Path) -> None:
    for name, default in re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", README, re.MULTILINE):
        if name == "SMS_CREDITS_INSTANCE" or not re.fullmatch(r"[\w.@]+", default):
            continue
        plain, given = (
            Asked(SMS_CREDITS_INSTANCE=str(tmp_path)),
            Asked(SMS_CREDITS_INSTANCE=str(tmp_path), **{name: default}),
        )
        if name == "SMS_CREDITS_SMTP_PORT" or name == "SMS_CREDITS_POSTGRES_USER":
            continue
        assert config.read(plain) == config.read(given), name
        assert sending.read(config.read(plain), plain) == sending.read(config.read(given), given), name


def test_every_make_target_named_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) | {
        "check",
        "lock",
        "bench",
        "soak",
    }
    assert named >= {"run", "test", "help"}
    assert named <= targets


def test_every_picture_is_there() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).exists(), path


def test_no_lock_holds_an_address() -> None:
    locks = [*ROOT.glob("*.lock"), *(ROOT / ".ci").glob("*.lock")]
    assert len(locks) >= 3
    for lock in locks:
        assert "://" not in lock.read_text(), lock.name
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()
