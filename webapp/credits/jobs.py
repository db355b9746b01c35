"""What the ledger does by itself: expiry, old holds, sealing, checkpoints."""

import logging

from webapp import clock
from webapp.credits import expiring, history, releasing, sealing
from webapp.credits.wire import unit
from webapp.jobs import periodic

log = logging.getLogger(__name__)


@periodic(cron="* * * * *", name="credits.expire_due")
def expire_due() -> None:
    """Every minute, so that the ledger shows an expiry soon after midnight; nothing waits for it."""
    for expired in expiring.expire_due(now=clock.now()):
        log.info("platform %d: %d credits expired", expired.platform_id, expired.credits)


@periodic(cron="17 * * * *", name="credits.release_unresolved")
def release_unresolved() -> None:
    """What is still held 7 days after its send time goes back (R12)."""
    for released in releasing.release_unresolved(now=clock.now()):
        log.warning("hold %d was unresolved: %d credits released", released.hold_id, released.credits)


@periodic(cron="*/5 * * * *", name="credits.seal")
def seal() -> None:
    """Seals new transactions, off the path of those who write them."""
    sealing.seal_all(now=clock.now())


@periodic(cron="41 * * * *", name="credits.checkpoint")
def checkpoint() -> None:
    """Keeps the balance of any past instant a short replay."""
    with unit() as wire:
        platforms = [row[0] for row in wire.ask("SELECT platform_id FROM credit_pool ORDER BY platform_id")]
    for platform_id in platforms:
        history.write_checkpoints(platform_id, now=clock.now())
