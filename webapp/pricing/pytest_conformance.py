"""The conformance kit as a pytest plugin, known as `sms_credits.conformance`.

    pytest --sms-credits-plugin antarctica

adds a test for every check of `webapp.pricing.conformance` to the run; without the option it does nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from webapp.pricing.conformance import Check
    from webapp.pricing.plugins import Plugin

OPTION = "--sms-credits-plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION,
        action="append",
        default=[],
        metavar="NAME",
        help="Check an installed SMS Credits pricing plugin.",
    )


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    for name in config.getoption(OPTION):
        items.extend(items_for(session, name))


def items_for(session: pytest.Session, name: str) -> Iterator[pytest.Item]:
    from webapp.pricing import conformance, plugins

    plugin = plugins.find(name)
    for check in conformance.CHECKS:
        yield ConformanceItem.from_parent(session, name=f"{name}::{check.name}", check=check, plugin=plugin)


class NotConforming(Exception):
    """A check that a plugin does not pass; its text is what is wrong."""


class ConformanceItem(pytest.Item):
    """One check of one plugin."""

    def __init__(self, *, check: "Check", plugin: "Plugin", **others: Any) -> None:
        super().__init__(**others)
        self.check, self.plugin = check, plugin

    def runtest(self) -> None:
        from webapp.pricing.conformance import problem_of

        problem = problem_of(self.check, self.plugin)
        if problem:
            raise NotConforming(problem)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotConforming):
            return f"{self.check.sentence}: no. {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, None, str]:
        return self.path, None, f"{self.plugin.name}: {self.check.sentence}"
