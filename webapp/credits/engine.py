"""The engine's face: every movement of credits, and every question about them, goes through here.

Each write is one transaction (or a part of the caller's own, refused alone), takes `now` and an
idempotency key, and answers with a frozen result; the same key and request answers with the first
result again, for ever. A refusal (`errors.py`) changes nothing.
"""

from webapp.credits.assignment import assign, free, set_access
from webapp.credits.balances import balance, funding
from webapp.credits.capture import capture
from webapp.credits.errors import (
    BadRequest,
    CreditsExpireBefore,
    ExpiringCredits,
    HoldAlreadyResolved,
    HoldExceeded,
    IdempotencyConflict,
    InsufficientCredits,
    NotFound,
    Shortfall,
)
from webapp.credits.expiring import expire_due
from webapp.credits.granting import adjust, grant, preview_purchase, purchase
from webapp.credits.holding import place_hold
from webapp.credits.quantities import MOST_CREDITS, BadQuantity
from webapp.credits.releasing import release, release_unresolved, reschedule
from webapp.credits.terms import (
    SYSTEM,
    Actor,
    Adjusted,
    Assigned,
    Balance,
    Captured,
    Charge,
    Demand,
    Expired,
    Funding,
    Granted,
    Held,
    HoldBalance,
    ListBalance,
    LotBalance,
    NextExpiry,
    Purchased,
    PurchasePreview,
    Released,
    Renewal,
    Subject,
)
from webapp.credits.usage import ANY_LIST, Usage, UsageRow, rebuild_usage, usage
from webapp.credits.verification import Drift, verify

__all__ = [
    "ANY_LIST",
    "MOST_CREDITS",
    "SYSTEM",
    "Actor",
    "Adjusted",
    "Assigned",
    "BadQuantity",
    "BadRequest",
    "Balance",
    "Captured",
    "Charge",
    "CreditsExpireBefore",
    "Demand",
    "Drift",
    "Expired",
    "ExpiringCredits",
    "Funding",
    "Granted",
    "Held",
    "HoldAlreadyResolved",
    "HoldBalance",
    "HoldExceeded",
    "IdempotencyConflict",
    "InsufficientCredits",
    "ListBalance",
    "LotBalance",
    "NextExpiry",
    "NotFound",
    "PurchasePreview",
    "Purchased",
    "Released",
    "Renewal",
    "Shortfall",
    "Subject",
    "Usage",
    "UsageRow",
    "adjust",
    "assign",
    "balance",
    "capture",
    "expire_due",
    "free",
    "funding",
    "grant",
    "place_hold",
    "preview_purchase",
    "purchase",
    "rebuild_usage",
    "release",
    "release_unresolved",
    "reschedule",
    "set_access",
    "usage",
    "verify",
]
