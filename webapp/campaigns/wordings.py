"""Two wordings of a draft beside each other, priced on the same people at the same time."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from webapp.campaigns.drafts import Draft
from webapp.campaigns.quoting import Quoted, quote_draft


@dataclass(frozen=True)
class Comparison:
    """The draft as it is, and as it would be with the other text."""

    this: Quoted
    other: Quoted

    @property
    def credits_saved(self) -> int:
        """What the other text saves; negative where it costs more."""
        return self.this.credits - self.other.credits


def compare(platform_id: int, quoted: Quoted, text: str, *, zone: ZoneInfo, now: datetime) -> Comparison:
    """The draft beside itself with another text; what is wrong with that one stands in its `problems`."""
    return Comparison(quoted, quote_draft(platform_id, with_text(quoted.draft, text), zone=zone, now=now))


def with_text(draft: Draft, text: str) -> Draft:
    return replace(draft, text=Draft(text=text).tidied().text)
