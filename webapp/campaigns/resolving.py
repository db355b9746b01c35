"""What to do with an intent nobody knows the end of: the pure rule behind every recovery.

The intent to send is committed before the hand-off. So after a crash there are messages of which only the
gateway knows whether it has them. This says, for what a gateway can do, how each is settled.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from webapp.campaigns.gateways.api import Accepted, Declined, Outcome

GONE = "erased"


class Way(Enum):
    """How unsettled messages are settled."""

    OFFER_AGAIN = "offer again"
    ASK_FIRST = "ask first"
    CALL_UNKNOWN = "call unknown"


def way(*, deduplicates: bool, can_be_asked: bool) -> Way:
    """A gateway that deduplicates is offered the message again; one that can be asked is asked before that.

    With neither, offering again could send twice and not charging could give it away: it is `unknown`.
    """
    if deduplicates:
        return Way.OFFER_AGAIN
    return Way.ASK_FIRST if can_be_asked else Way.CALL_UNKNOWN


def way_without_text(*, can_be_asked: bool) -> Way:
    """The same for a message whose person was erased meanwhile: there is nothing left to offer."""
    return Way.ASK_FIRST if can_be_asked else Way.CALL_UNKNOWN


@dataclass(frozen=True)
class Settled:
    """How a message ended: its status, why, and what the gateway calls it."""

    status: str
    reason: str | None = None
    gateway_reference: str | None = None

    @property
    def charged(self) -> bool:
        return self.status in ("sent", "unknown")


def settled(outcome: Outcome) -> Settled:
    """From the gateway's word to ours."""
    match outcome:
        case Accepted(gateway_reference):
            return Settled("sent", gateway_reference=gateway_reference[:200])
        case Declined(reason):
            return Settled("refused", reason=reason[:500])


def settle(references: Collection[str], outcomes: Mapping[str, Outcome]) -> dict[str, Settled]:
    """Those of the references the gateway said something about; the others stay unsettled."""
    return {reference: settled(outcomes[reference]) for reference in references if reference in outcomes}
