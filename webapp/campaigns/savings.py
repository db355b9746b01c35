"""What would make a draft cheaper, each with its button: pricing's explanations, put in the order they help.

Every saving is a quote of its own on this very audience. A button carries a word such as `fix:2019`; what it
does is worked out anew from the draft it is pressed on, so that an old page never writes an old text.
"""

from dataclasses import dataclass

from webapp.campaigns.drafts import Draft
from webapp.campaigns.quoting import Quoted
from webapp.pricing import explanations
from webapp.pricing.explanations import Dearer, Fix, Saving, Trim
from webapp.pricing.merge import parse
from webapp.pricing.quotes import AudienceQuote
from webapp.pricing.transliteration import replacement_of

FEWEST_WORTH_TRIMMING = 1


@dataclass(frozen=True)
class Savings:
    """What could be done: characters replaced, emoji left out, both, the end cut, plain signs."""

    fixes: tuple[Fix, ...] = ()
    all_fixes: Saving | None = None
    both: Saving | None = None
    emoji: Saving | None = None
    trims: tuple[Trim, ...] = ()
    plain: Saving | None = None

    def __bool__(self) -> bool:
        return bool(self.fixes or self.emoji or self.trims or self.plain)


def savings(quoted: Quoted) -> Savings:
    """All of them, for a draft that has a price; nothing for one that has not."""
    quote = quoted.quote
    if quote is None or not quote.recipients:
        return Savings()
    fixes = explanations.fixes(quote)
    emoji = explanations.without_emoji(quote)
    return Savings(
        fixes=fixes,
        all_fixes=explanations.fix_all(quote) if len(fixes) > 1 else None,
        both=both_of(quote, emoji) if emoji and fixes else None,
        emoji=emoji if emoji and emoji.credits_saved > 0 else None,
        trims=explanations.trims(quote)[:FEWEST_WORTH_TRIMMING],
        plain=explanations.with_transliteration(quote) if fixes else None,
    )


def both_of(quote: AudienceQuote, emoji: Saving) -> Saving | None:
    """Emoji taken out and the rest replaced: often each alone saves nothing, and both together half."""
    template = parse(emoji.text)
    found = explanations.offending(template, explanations.profiles_of(quote))
    instead = {character: replacement_of(character) for character in found}
    known = {character: plain for character, plain in instead.items() if plain is not None}
    saving = explanations.what_if(quote, explanations.with_replaced(emoji.text, known))
    return saving if saving.credits_saved > emoji.credits_saved else None


def dearer(quoted: Quoted) -> Dearer | None:
    """Who needs more parts than most, and because of what; None where nobody does."""
    quote = quoted.quote
    if quote is None or len(quote.segments_histogram) < 2:
        return None
    found = explanations.dearer(quote)
    return found if found.recipients else None


def text_after(quoted: Quoted, word: str) -> str:
    """The text of the draft after the button with this word; the same text where there is no such button."""
    text, quote = quoted.draft.text, quoted.quote
    if quote is None:
        return text
    found = chosen(word, savings(quoted))
    return Draft(text=found.text).tidied().text if found else text


def chosen(word: str, offered: Savings) -> Saving | None:
    kind, _colon, which = word.partition(":")
    match kind:
        case "all":
            return offered.all_fixes
        case "both":
            return offered.both
        case "emoji":
            return offered.emoji
        case "trim":
            return next((trim.saving for trim in offered.trims if str(trim.characters) == which), None)
        case "fix":
            return next((fix.saving for fix in offered.fixes if f"{ord(fix.character):X}" == which), None)
    return None
