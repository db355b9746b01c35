"""Our side of the sandbox: the same calls a real gateway's client would make."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from webapp.campaigns.gateways.api import (
    DELIVERED,
    FAILED,
    Accepted,
    AnswerLost,
    BadReports,
    Declined,
    GatewayAway,
    Outcome,
    Outgoing,
    Report,
)
from webapp.campaigns.gateways.signing import HEADER, is_signed
from webapp.campaigns.settings import SendingSettings

MOST_REPORTS = 10_000


class SandboxGateway:
    """Speaks to the sandbox over HTTP. It deduplicates by our reference and can be asked."""

    name = "sandbox"
    deduplicates = True
    can_be_asked = True
    can_forget = True

    def __init__(self, settings: SendingSettings) -> None:
        self.settings = settings

    def submit(self, messages: Sequence[Outgoing]) -> Mapping[str, Outcome]:
        """Hands them over. Raises `GatewayAway`, `AnswerLost`."""
        return self.outcomes("/messages", {"messages": [asdict(message) for message in messages]})

    def ask(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """What became of these. Raises `GatewayAway`: asking changes nothing, so a lost answer is no more."""
        try:
            return self.outcomes("/states", {"references": list(references)})
        except AnswerLost as lost:
            raise GatewayAway(str(lost)) from lost

    def forget(self, references: Sequence[str]) -> None:
        """Erases number and text of these. Raises `GatewayAway`: forgetting twice is forgetting once."""
        try:
            self.post("/forget", {"references": list(references)})
        except AnswerLost as lost:
            raise GatewayAway(str(lost)) from lost

    def outcomes(self, path: str, payload: object) -> dict[str, Outcome]:
        try:
            return {item["reference"]: outcome(item) for item in self.post(path, payload)["results"]}
        except (KeyError, TypeError) as error:
            raise AnswerLost("The gateway answered something else than was agreed.") from error

    def post(self, path: str, payload: object) -> dict[str, Any]:
        """One request. What fails before it is sent is `GatewayAway`, what fails after it `AnswerLost`."""
        connection = self.connect()
        try:
            headers = {"Authorization": f"Bearer {self.settings.key}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(payload).encode(), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise AnswerLost("The gateway did not answer.") from error
        finally:
            connection.close()
        return understood(response.status, body)

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.settings.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.settings.timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise GatewayAway("The gateway cannot be reached.") from error
        return connection

    def reports(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Report]:
        """The receipts in a signed callback. Raises `BadReports`."""
        if not is_signed(body, headers.get(HEADER, ""), self.settings.key, now):
            raise BadReports("The signature is wrong or too old.")
        try:
            items = json.loads(body)["receipts"]
            return [report(item) for item in items[:MOST_REPORTS]]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise BadReports("These are no receipts.") from error


def understood(status: int, body: bytes) -> dict[str, Any]:
    """The answer's JSON. Raises `GatewayAway` where it says that nothing was taken, else `AnswerLost`."""
    if 400 <= status < 500 or status == 503:
        raise GatewayAway(f"The gateway took nothing (HTTP {status}).")
    try:
        answer = json.loads(body) if status == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise AnswerLost(f"The gateway's answer cannot be read (HTTP {status}).")
    return answer


def outcome(item: Mapping[str, Any]) -> Outcome:
    if item["status"] == "accepted":
        return Accepted(str(item["id"]))
    return Declined(str(item["reason"]))


def report(item: Mapping[str, Any]) -> Report:
    status = item["status"]
    if status not in (DELIVERED, FAILED):
        raise ValueError(status)
    return Report(
        reference=str(item["reference"]),
        key=str(item["key"])[:200],
        status=status,
        detail=str(item.get("detail", ""))[:500].replace("\x00", ""),
        happened_at=datetime.fromtimestamp(float(item["at"]), UTC),
    )
