"""The command line: exit status 0 done, 1 refused with a sentence on standard error, 2 wrong usage."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from webapp.cli import group

Run = Callable[..., Result]


@pytest.fixture
def run(committed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("DATABASE_URL", committed)
    monkeypatch.setenv("SMS_CREDITS_INSTANCE", str(tmp_path))
    return lambda *words: CliRunner().invoke(group, list(words))


def every_command(parent: click.Group, way: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(parent)
    found = []
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        found.append((*way, name))
        if isinstance(command, click.Group):
            found += every_command(command, (*way, name))
    return found


@pytest.mark.parametrize("words", every_command(group), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(group, [*words, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) >= 5


def test_the_commands_of_the_contract_are_there() -> None:
    there = {" ".join(words) for words in every_command(group)}
    wanted = (
        "run web worker demo segment quote import,export usage,platform create,user create,plugins list,"
        "plugins check,plugins enable,plugins disable,ledger verify,ledger expire,ledger history"
    )
    first, *others = wanted.split(",")
    assert {*first.split(" "), *others} <= there


def test_wrong_usage_is_status_2() -> None:
    assert CliRunner().invoke(group, ["no-such-command"]).exit_code == 2
    assert CliRunner().invoke(group, ["user", "create"]).exit_code == 2


def test_a_wrong_setting_is_a_sentence_and_status_1(tmp_path: Path) -> None:
    environ = {**os.environ, "SMS_CREDITS_PORT": "none", "SMS_CREDITS_INSTANCE": str(tmp_path)}
    words = [sys.executable, "-m", "webapp", "web"]
    done = subprocess.run(
        words, env=environ, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "SMS_CREDITS_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMS_CREDITS_GATEWAY", "carrier-pigeon"),
        ("SMS_CREDITS_GATEWAY_URL", "nowhere"),
        ("SMS_CREDITS_BATCH_MESSAGES", "0"),
        ("SMS_CREDITS_LEASE_S", "soon"),
        ("SMS_CREDITS_SANDBOX_LOST_ANSWER_SHARE", "2"),
    ],
)
@pytest.mark.parametrize("command", ["run", "web", "worker"])
def test_a_wrong_setting_of_sending_is_refused_at_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    refused = run(command)
    assert refused.exit_code == 1
    assert f"{name} is '{value}'" in refused.stderr


def test_a_database_that_is_not_there_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    refused = run("worker")
    assert refused.exit_code == 1
    assert "cannot be reached" in refused.stderr


def test_a_port_in_use_is_refused_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("SMS_CREDITS_PORT", str(taken.getsockname()[1]))
        refused = run("run")
    assert refused.exit_code == 1
    assert "Set SMS_CREDITS_PORT" in refused.stderr


def test_the_first_operator_and_platform_are_made_from_the_command_line(run: Run) -> None:
    operator = run(
        *["user", "create", "--role", "operator", "--email", "Olga@Example.com", "--name", "Olga", "--json"]
    )
    assert operator.exit_code == 0, operator.output
    answer = json.loads(operator.stdout)
    assert answer["email"] == "olga@example.com"
    assert "/invitation/" in answer["invitation"]
    platform = run(
        *[
            "platform",
            "create",
            "--name",
            "A",
            "--admin-email",
            "a@example.com",
            "--admin-name",
            "Ada",
            "--json",
        ]
    )
    number = json.loads(platform.stdout)["id"]
    assert json.loads(run("platform", "list", "--json").stdout) == [{"id": number, "name": "A"}]
    assert run("platform", "list").stdout.split() == [str(number), "A"]
    made = run(*f"user create --role viewer --platform {number} --email v@example.com --name Vera".split())
    assert made.exit_code == 0
    assert "/invitation/" in made.stdout


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("user create --role operator --email nonsense --name Olga", 1, "no mail address"),
        ("user create --role admin --email a@example.com --name Ada", 2, "--platform"),
        ("user create --role operator --platform 1 --email a@example.com --name Ada", 2, "no platform"),
        ("user create --role admin --platform 999 --email a@example.com --name Ada", 1, "no platform 999"),
        (
            "platform create --name A --admin-email a@b.example --admin-name A --time-zone Mars",
            2,
            "time zone",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(run: Run, words: str, status: int, sentence: str) -> None:
    refused = run(*words.split())
    assert refused.exit_code == status
    assert sentence in refused.stderr


def test_an_address_can_be_invited_once(run: Run) -> None:
    words = ["user", "create", "--role", "operator", "--email", "olga@example.com", "--name", "Olga"]
    assert run(*words).exit_code == 0
    assert run(*words).exit_code == 1
