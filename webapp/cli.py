"""The `sms-credits` command: exit status 0 done, 1 refused with a sentence, 2 wrong usage.

A feature adds its commands in its own `commands.py`: every click command or group in it becomes one
of ours; a group of the same name as an existing one joins it. `webapp.processes.running.application` gives a
command the application in its context, on a database that runs and is migrated.
"""

import importlib
import importlib.util
from types import ModuleType
from typing import Any

import click

from webapp import backup, config
from webapp.errors import Refused
from webapp.jobs import FEATURES
from webapp.processes import postgres, running

REFUSALS = (Refused, config.SettingError, postgres.PostgresError)


class Commands(click.Group):
    """A group that says a refusal on standard error, without a traceback.

    The features' commands are imported only when one of them is asked for: web and worker start sooner.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        self.load()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self.load()
        return super().get_command(context, name)

    def load(self) -> None:
        for feature in FEATURES:
            add_commands(self, feature)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except REFUSALS as refusal:
            raise click.ClickException(str(getattr(refusal, "sentence", refusal))) from refusal


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sms-credits")
def group() -> None:
    """SMS Credits: know what a campaign costs before it is sent."""


def add_commands(into: click.Group, feature: str) -> None:
    """Adds a feature's commands, if it has any; groups of one name become one."""
    name = f"webapp.{feature}.commands"
    if importlib.util.find_spec(name) is None:
        return
    for command in declared(importlib.import_module(name)):
        known = into.commands.get(str(command.name))
        if isinstance(known, click.Group) and isinstance(command, click.Group):
            known.commands.update(command.commands)
        else:
            into.add_command(command)


def declared(module: ModuleType) -> list[click.Command]:
    """The commands and groups of a module that are not part of another group of it."""
    found = [value for value in vars(module).values() if isinstance(value, click.Command)]
    parts = {
        id(part) for value in found if isinstance(value, click.Group) for part in value.commands.values()
    }
    return [command for command in found if id(command) not in parts]


for command in (running.run, running.web, running.worker, running.demo, backup.backup, backup.restore):
    group.add_command(command)


def main() -> None:
    """The entry point of the installed command and of `python -m webapp`."""
    group(prog_name="sms-credits")


if __name__ == "__main__":
    main()
