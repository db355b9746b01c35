"""What the worker does for campaigns. Every task may be killed anywhere and run again."""

import time
from datetime import timedelta

from webapp import clock
from webapp.campaigns import confirming, dispatching, endings, forgetting, settings, singles, starting
from webapp.campaigns.gateways import gateway
from webapp.campaigns.gateways.api import GatewayAway
from webapp.jobs import periodic, task

QUEUE = "sending"
TURN_S = 10.0
FORGET_AGAIN_AFTER = timedelta(minutes=10)


@task("campaigns.confirm", queue=QUEUE)
def confirm(campaign_id: int) -> None:
    """Somebody confirmed more messages than a page waits for."""
    confirming.carry_out(campaign_id, now=clock.now())


@task("campaigns.start", queue=QUEUE)
def start(campaign_id: int) -> None:
    """The send time of a campaign has come."""
    starting.start(campaign_id, now=clock.now())


@task("campaigns.dispatch", queue=QUEUE)
def dispatch(campaign_id: int, lane: int) -> None:
    """Sends for a while, then lines up again behind the others; gives up what is a week late."""
    endings.lapse(campaign_id, now=clock.now())
    sending = settings.current()
    road = gateway(sending)
    until = time.monotonic() + TURN_S
    while time.monotonic() < until:
        step = dispatching.step(campaign_id, road, sending, now=clock.now())
        if step.again_at is not None:
            dispatch.enqueue(
                campaign_id=campaign_id,
                lane=lane,
                schedule_at=step.again_at,
                once=f"campaign-{campaign_id}-{lane}",
            )
            return
        if step.over:
            return
    dispatch.enqueue(campaign_id=campaign_id, lane=lane, once=f"campaign-{campaign_id}-{lane}")


@task("campaigns.close", queue=QUEUE)
def close(campaign_id: int) -> None:
    """Marks what a cancelled campaign did not send."""
    while endings.mark_unsent(campaign_id, now=clock.now()):
        pass


@task("campaigns.send_single", queue=QUEUE)
def send_single(message_id: int) -> None:
    """Sends one message that belongs to no campaign."""
    sending = settings.current()
    again_at = singles.hand_over(message_id, gateway(sending), sending, now=clock.now())
    if again_at is not None:
        send_single.enqueue(message_id=message_id, schedule_at=again_at, once=f"message-{message_id}")


@task("campaigns.forget", queue=QUEUE)
def forget(message_ids: list[int]) -> None:
    """Has the gateway forget messages to somebody who was erased, as soon as it answers."""
    try:
        left = forgetting.forget(message_ids, gateway(settings.current()))
    except GatewayAway:
        left = message_ids
    if left:
        forget.enqueue(message_ids=left, schedule_at=clock.now() + FORGET_AGAIN_AFTER)


@periodic("* * * * *", name="campaigns.tend", queue=QUEUE)
def tend() -> None:
    """Sees to it that nothing that is due lies about."""
    confirming.tend()
    starting.tend(now=clock.now())
