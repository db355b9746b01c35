"""Settings, read from the environment once; a missing or wrong one fails with a sentence."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


class SettingError(Exception):
    """A setting that cannot be used; its text is the sentence to show."""


def resources(name: str) -> Path:
    """The folder `templates` or `static`: beside the package in the tree, inside it in a wheel."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@dataclass(frozen=True)
class Settings:
    """What the installation may set; README.md has the table of them."""

    database_url: str | None
    instance: Path


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises `SettingError`."""
    return Settings(
        database_url=environ.get("DATABASE_URL"),
        instance=Path(environ.get("SMS_CREDITS_INSTANCE", "instance")).absolute(),
    )
