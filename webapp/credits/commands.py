"""`sms-credits ledger`: verify, expire, history."""

import json
import sys
from datetime import UTC
from typing import Any

import click

from webapp import clock
from webapp.credits import expiring, movements, sentences, verification
from webapp.credits.movement_parts import Movement
from webapp.credits.movement_query import Filters
from webapp.processes import running


@click.group()
def ledger() -> None:
    """The credits' ledger: check it, expire what is due, read its history."""


@ledger.command()
@click.option("--platform", "platform_id", type=int, help="Only this platform, and not the seals.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def verify(platform_id: int | None, as_json: bool) -> None:
    """Rebuild every balance from the entries and report any drift; exit status 1 if there is one."""
    with running.application():
        drifts = verification.verify(platform_id)
        seal = verification.newest_seal()
    if as_json:
        block = {"block": seal[0], "hash": seal[1]} if seal else None
        click.echo(json.dumps({"drifts": [vars(drift) for drift in drifts], "seal": block}))
    else:
        for drift in drifts:
            click.echo(str(drift), err=True)
        click.echo(
            f"{len(drifts)} drifts found." if drifts else "No drift: every balance is what its entries say."
        )
        if seal:
            click.echo(
                f"Sealed up to block {seal[0]}, hash {seal[1]}. Kept elsewhere, it proves the history."
            )
    sys.exit(1 if drifts else 0)


@ledger.command()
@click.option("--platform", "platform_id", type=int, help="Only this platform.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def expire(platform_id: int | None, as_json: bool) -> None:
    """Deduct what has reached its expiry day. The periodic task does the same every minute."""
    with running.application():
        done = expiring.expire_due(now=clock.now(), platform_id=platform_id)
    if as_json:
        rows = [{**vars(expired), "at": expired.at.astimezone(UTC).isoformat()} for expired in done]
        click.echo(json.dumps({"expired": rows}))
        return
    for expired in done:
        click.echo(
            f"Platform {expired.platform_id}: {expired.credits:,} credits of {expired.at:%Y-%m-%d} expired."
        )
    if not done:
        click.echo("Nothing is due.")


@ledger.command()
@click.option("--platform", "platform_id", type=int, required=True, help="The platform's number.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
def history(platform_id: int, as_json: bool) -> None:
    """Every movement of a platform, the oldest first, with what was available after it."""
    with running.application():
        for movement, lists in movements.each(platform_id, Filters()):
            line = as_object(movement) if as_json else as_line(movement, lists)
            click.echo(json.dumps(line) if as_json else line)


def as_line(movement: Movement, lists: dict[int, str]) -> str:
    words = sentences.told(movement, lists)
    text = "; ".join((words.sentence, *words.notes))
    after = "" if movement.available_after is None else f"  [{movement.available_after:,} available]"
    return f"{movement.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}  {movement.actor_name}: {text}{after}"


def as_object(movement: Movement) -> dict[str, Any]:
    subject = {"kind": movement.subject_kind, "id": movement.subject_id} if movement.subject_id else None
    return {
        "transaction": movement.id,
        "kind": movement.kind,
        "at": movement.at.astimezone(UTC).isoformat(),
        "actor": movement.actor_name,
        "subject": subject,
        "hold": movement.hold_id,
        "reason": movement.reason,
        "entries": [vars(part) for part in movement.parts],
        "lots": [vars(lot) for lot in movement.lots],
        "available_after": movement.available_after,
    }
