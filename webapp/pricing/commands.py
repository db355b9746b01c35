"""`sms-credits segment`, `quote` and `plugins`: pricing from the command line."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from webapp import clock
from webapp.pricing import checks, conformance, operating, plugins
from webapp.pricing.api import NATIONAL_LANGUAGES, Alphabet, SegmentProfile
from webapp.pricing.audiences import Audience
from webapp.pricing.books import PricingBook, offline_book
from webapp.pricing.merge import parse
from webapp.pricing.operating import Place, PluginConflict, State
from webapp.pricing.plugins import installed_alphabets
from webapp.pricing.profiles import Profile, profile_of
from webapp.pricing.quotes import AudienceQuote, price_audience
from webapp.pricing.recipient_files import read_recipients
from webapp.pricing.segmentation import Segmentation, segment
from webapp.processes import running

TABLE_OF: Final = {number: language for language, number in NATIONAL_LANGUAGES.items()}
VECTOR_RULES: Final = ("any", "codepoint", "grapheme", "unit")


class BadLine(click.ClickException):
    """A line of input that cannot be read; ends the command with status 1."""


@click.command("segment")
@click.argument("text", required=False)
@click.option("--country", metavar="ISO", help="Count as texts to this country are cut.")
@click.option("--transliterate", is_flag=True, help="Put plain typography where that saves a segment.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--jsonl", is_flag=True, help="Read one JSON object a line, write one a line.")
def segment_command(
    text: str | None, country: str | None, transliterate: bool, as_json: bool, jsonl: bool
) -> None:
    """Count the segments of TEXT, or of every line of standard input with --jsonl."""
    if jsonl == (text is not None):
        raise click.UsageError("Give a text, or --jsonl and objects on standard input.")
    if jsonl:
        write_lines(sys.stdin.buffer)
        return
    counted = segment(text or "", offline_book().profile(country), transliterate=transliterate)
    click.echo(json.dumps(as_object(counted)) if as_json else as_text(counted))


def as_object(counted: Segmentation) -> dict[str, Any]:
    """A segmentation as the JSON API shows it."""
    return {
        "encoding": counted.encoding,
        "units": counted.units,
        "segments": counted.segments,
        "parts": [part._asdict() for part in counted.parts],
        "offenders": [asdict(offender) for offender in counted.offenders],
        "replacements": [asdict(replacement) for replacement in counted.replacements],
        "over_limit": counted.over_limit,
    }


def as_text(counted: Segmentation) -> str:
    lines = [f"{counted.encoding}: {counted.units} units, {counted.segments} segments"]
    lines += [f"  {part.units} of {part.capacity}: {part.text!r}" for part in counted.parts]
    for one in counted.offenders:
        instead = f", {one.replacement!r} instead would do" if one.replacement is not None else ""
        lines.append(f"  at {one.index}: {one.character!r} {one.code_point} {one.name}{instead}")
    if counted.over_limit:
        lines.append(f"  refused: {counted.excess} segments more than can be sent")
    return "\n".join(lines)


def write_lines(lines: Iterable[bytes]) -> None:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                answer = answer_of(json.loads(line.decode("utf-8")))
            except (ValueError, TypeError, KeyError) as problem:
                raise BadLine(f"Line {number} cannot be counted: {problem}") from None
            sys.stdout.write(json.dumps(answer) + "\n")


def answer_of(given: Any) -> dict[str, Any]:
    """One line of --jsonl, as API.md describes it. Raises `ValueError`, `TypeError` or `KeyError`."""
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise ValueError("an object with a text is wanted")
    as_given = given.get("normalise") is False
    counted = segment(given["text"], profile_for(given, offline_book()), as_given=as_given)
    return {
        "encoding": counted.encoding,
        "units": counted.units,
        "segments": counted.segments,
        "used": [part.units for part in counted.parts],
        "over_limit": counted.over_limit,
    }


def profile_for(given: Mapping[str, Any], book: PricingBook) -> Profile:
    """The default profile with what a line asks for instead."""
    usual = book.default_profile.source
    rule = given.get("rule") or "any"
    bits = given.get("concat_ref_bits") or usual.concat_reference_bits
    if rule not in VECTOR_RULES or bits not in (8, 16):
        raise ValueError(f"the rule is one of {', '.join(VECTOR_RULES)}, concat_ref_bits is 8 or 16")
    tables = given.get("tables")
    return profile_of(
        SegmentProfile(
            None,
            (pair_of(tables["lock"], tables["shift"]),) if tables else usual.alphabets,
            usual.edge_rule if rule == "any" else rule,
            bits,
            usual.part_limit,
        )
    )


def pair_of(lock: str, shift: str) -> Alphabet:
    """The alphabet of two national tables, put together from the alphabets that plugins bring."""
    if lock not in NATIONAL_LANGUAGES or shift not in NATIONAL_LANGUAGES:
        raise ValueError(f"tables are named {', '.join(NATIONAL_LANGUAGES)}")
    basic, extension = known_tables()
    if lock not in basic or shift not in extension:
        raise ValueError(f"there is no locking table {lock} or no single shift table {shift}")
    numbers = NATIONAL_LANGUAGES[lock], NATIONAL_LANGUAGES[shift]
    return Alphabet(f"{lock} + {shift}", basic[lock], extension[shift], *numbers)


def known_tables() -> tuple[dict[str, str], dict[str, str]]:
    """Every locking and single shift table of the installed plugins, by language."""
    basic: dict[str, str] = {}
    extension: dict[str, str] = {}
    for alphabet in installed_alphabets():
        basic.setdefault(TABLE_OF[alphabet.locking_language], alphabet.basic)
        extension.setdefault(TABLE_OF[alphabet.single_shift_language], alphabet.extension)
    return basic, extension


@click.command("quote")
@click.option("--text", required=True, help="The text, with merge fields like {first_name|friend}.")
@click.option(
    "--recipients",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV or XLSX file with a head line.",
)
@click.option("--phone-column", help="The head of the column with the numbers, if it is an unusual one.")
@click.option("--country", metavar="ISO", help="The country of numbers without a prefix.")
@click.option("--sender", default="", help="The sender ID.")
@click.option("--transliterate", is_flag=True, help="Put plain typography where that saves a segment.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def quote_command(
    text: str,
    recipients: Path,
    phone_column: str | None,
    country: str | None,
    sender: str,
    transliterate: bool,
    as_json: bool,
) -> None:
    """What a text costs for the recipients of a file. Needs no database."""
    template = parse(text)
    listed = read_recipients(recipients, phone_column=phone_column, country=country, progress=tell_rows)
    click.echo(f"{len(listed):,} rows read.", err=True)
    audience = Audience((listed,))
    quote = price_audience(
        template, audience, offline_book(), clock.now(), sender, transliterate=transliterate
    )
    click.echo(json.dumps(quote_as_object(quote)) if as_json else quote_as_text(quote))


def tell_rows(rows: int) -> None:
    click.echo(f"{rows:,} rows", err=True)


def quote_as_object(quote: AudienceQuote) -> dict[str, Any]:
    """A quote as the JSON API shows it, without the funding that a file has not."""
    return {
        "credits": quote.credits,
        "recipients": quote.recipients,
        "segments": quote.segments,
        "excluded": dict(quote.excluded),
        "by_country": [
            {
                "country": line.country,
                "recipients": line.recipients,
                "credits_per_segment": line.credits_per_segment,
                "segments": line.segments,
                "credits": line.credits,
                "segments_histogram": line.segments_histogram,
            }
            for line in quote.by_country
        ],
        "segments_histogram": dict(quote.segments_histogram),
    }


def quote_as_text(quote: AudienceQuote) -> str:
    """A line for each country and number of segments, then the sum and who is left out."""
    lines = [f"{'country':8}{'recipients':>12}{'segments':>10}{'rate':>6}{'credits':>14}"]
    for line in quote.by_country:
        for segments, people in line.segments_histogram.items():
            rate = line.credits_per_segment
            lines.append(f"{line.country:8}{people:12,}{segments:10,}{rate:6,}{people * segments * rate:14,}")
    lines.append(f"{'total':8}{quote.recipients:12,}{quote.segments:10,}{'':6}{quote.credits:14,}")
    left_out = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in quote.excluded.items() if count]
    return "\n".join([*lines, f"left out: {', '.join(left_out) or 'nobody'}"])


@click.group("plugins")
def plugins_group() -> None:
    """Pricing plugins: what they are, whether they are sound, which of them price."""


@plugins_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_command(as_json: bool) -> None:
    """Every installed or enabled plugin, with its state."""
    with running.application():
        found = operating.states()
    if as_json:
        click.echo(json.dumps({"items": [state_as_object(state) for state in found]}))
        return
    for state in found:
        click.echo(state_as_text(state))


def state_as_object(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "version": state.version,
        "distribution": state.distribution,
        "enabled": state.enabled,
        "installed": state.installed,
        "update": state.update,
        "problem": state.problem,
        "countries": list(state.countries),
        "profile_countries": list(state.profile_countries),
        "rates": len(state.rates),
    }


def state_as_text(state: State) -> str:
    word = "enabled" if state.enabled else "broken" if state.problem else "disabled"
    brings = f"{len(state.rates):,} rates, {len(state.profiles):,} profiles"
    line = f"{state.name:24}{state.version:12}{word:10}{brings} ({state.distribution})"
    notes = [state.problem or "", "" if state.installed else "Its package is gone; its stored data are used."]
    if state.update:
        notes.append(f"Version {state.update} is installed: enable it again to use its data.")
    return "\n".join([line, *(f"    {note}" for note in notes if note)])


@plugins_group.command("check")
@click.argument("name")
def check_command(name: str) -> None:
    """Check an installed plugin as the application and its conformance kit do; needs no database."""
    plugin = plugins.find(name)
    failed = 0
    for check in conformance.CHECKS:
        problem = conformance.problem_of(check, plugin)
        failed += problem is not None
        click.echo(f"{'FAIL' if problem else 'ok':5} {check.sentence}{f': {problem}' if problem else ''}")
    if failed:
        raise checks.PluginRefused(f"Plugin {name} {plugin.version} fails {failed} checks.")
    click.echo(f"Plugin {name} {plugin.version} is sound.")


@plugins_group.command("enable")
@click.argument("name")
@click.option("--prefer", multiple=True, metavar="PLACE=PLUGIN", help="rate:IT=NAME or profile:IT=NAME.")
@click.option("--prefer-all", metavar="PLUGIN", help="The plugin that counts wherever two have data.")
def enable_command(name: str, prefer: tuple[str, ...], prefer_all: str | None) -> None:
    """Price with a plugin, with the data of its installed version."""
    choices = dict(choice_of(given) for given in prefer)
    with running.application():
        enable_settled(name, choices, prefer_all)
    click.echo(f"{name} is enabled.")


def enable_settled(name: str, choices: dict[Place, str], prefer_all: str | None) -> None:
    now = clock.now()
    try:
        operating.enable(name, choices=choices, actor="command line", now=now)
    except PluginConflict as conflict:
        if prefer_all is None:
            raise
        for one in conflict.conflicts:
            if prefer_all in one.plugins:
                choices.setdefault((one.kind, one.country), prefer_all)
        operating.enable(name, choices=choices, actor="command line", now=now)


def choice_of(given: str) -> tuple[Place, str]:
    """`rate:IT=NAME` as a place and a plugin."""
    place, equals, plugin = given.partition("=")
    kind, colon, country = place.partition(":")
    if not (equals and colon and plugin) or kind not in ("rate", "profile"):
        raise click.UsageError(f"--prefer is written rate:IT=NAME or profile:IT=NAME, not {given}")
    return ("rate" if kind == "rate" else "profile", country), plugin


@plugins_group.command("disable")
@click.argument("name")
def disable_command(name: str) -> None:
    """Price without a plugin from now on."""
    with running.application():
        operating.disable(name, actor="command line", now=clock.now())
    click.echo(f"{name} is disabled.")
