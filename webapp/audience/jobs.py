"""What a worker does for lists: imports, packing statistics, emptying deleted lists, forgetting files."""

from datetime import timedelta

from webapp import clock
from webapp.audience import checking, importing, lists, retention, statistics
from webapp.jobs import periodic, task

QUEUE = "audience"
EMPTY_AGAIN_AFTER = timedelta(hours=1)


@task(name="audience.check", queue=QUEUE)
def check_import(import_id: int) -> None:
    """Reads a file without taking it, and says what would happen."""
    checking.check_import(import_id, now=clock.now())


@task(name="audience.import", queue=QUEUE)
def run_import(import_id: int) -> None:
    """Takes a confirmed file."""
    importing.run_import(import_id, now=clock.now())


@task(name="audience.rebuild", queue=QUEUE)
def rebuild_list(list_id: int) -> None:
    """Packs what changed in many chunks of a list at once."""
    statistics.rebuild_all(list_id)


@task(name="audience.empty", queue=QUEUE)
def empty_list(list_id: int) -> None:
    """Removes the people of a deleted list, once no campaign holds credits for it any more."""
    if not lists.remove_recipients(list_id):
        empty_list.enqueue(schedule_at=clock.now() + EMPTY_AGAIN_AFTER, list_id=list_id)


@task(name="audience.erase_from_file", queue=QUEUE)
def erase_from_file(import_id: int, sought: str) -> None:
    """Withdraws an upload that was not imported yet, if the erased person (by hash) is in it."""
    retention.erase_from_file(import_id, bytes.fromhex(sought), now=clock.now())


@periodic("17 3 * * *", name="audience.forget_uploads", queue=QUEUE)
def forget_uploads() -> None:
    """Forgets files that were uploaded and never imported, and refused rows nobody can want any more."""
    retention.forget_old(now=clock.now())
