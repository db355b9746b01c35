"""What a gateway is to us: something that takes messages by our own reference and tells what became of them.

To add one: a module beside this one with a class that has what `Gateway` says, and a line in
`webapp/campaigns/gateways/__init__.py`. Be honest about `deduplicates` and `can_be_asked`: after a crash they
decide whether a message is offered again, asked for, or charged as `unknown` and never sent again.
`can_forget` says whether what was handed over can be erased there when a person is erased here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DELIVERED, FAILED, TAKEN = "delivered", "failed", "accepted"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as it is handed over. `reference` is ours and the same at every attempt."""

    reference: str
    phone: str
    sender: str
    text: str
    encoding: str
    segments: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has it. From here on it is charged."""

    gateway_reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway will not send it, and says why. It is not charged."""

    reason: str


Outcome = Accepted | Declined


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery receipt: `key` tells it from every other one on that message."""

    reference: str
    key: str
    status: str
    detail: str
    happened_at: datetime


class GatewayAway(Exception):
    """It could not be reached, or said that it took nothing: none of the messages was handed over."""


class AnswerLost(Exception):
    """The messages were on their way when the answer failed: any of them may have been taken."""


class BadReports(Exception):
    """Receipts that nobody should believe: a wrong signature, an old one, or not what was agreed."""


class Gateway(Protocol):
    """A road to the phones."""

    name: str
    deduplicates: bool
    can_be_asked: bool
    can_forget: bool

    def submit(self, messages: Sequence[Outgoing]) -> Mapping[str, Outcome]:
        """Hands them over; the outcome by reference. One left out is not known.

        Raises `GatewayAway` when none was taken, `AnswerLost` when any may have been.
        """

    def ask(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """What became of these; one it never heard of is left out. Raises `GatewayAway`.

        Called only where `can_be_asked`.
        """

    def reports(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Report]:
        """The receipts in a callback. Raises `BadReports`."""

    def forget(self, references: Sequence[str]) -> None:
        """Erases number and text of these; one it never heard of is no error. Raises `GatewayAway`.

        Called only where `can_forget`.
        """
