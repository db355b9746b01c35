"""Files made by a worker, and cleaned up when their week is over."""

from webapp import clock
from webapp.db import db
from webapp.jobs import periodic, task
from webapp.reports import exports


@task(name="reports.make_file", queue="reports", retry=False)
def make_file(export_id: int) -> None:
    """Makes the file of an export; done twice it is the same file.

    One that fails says so on its page, where it can be asked for again. A killed worker's comes back.
    """
    try:
        exports.make(export_id, now=clock.now)
    except Exception:
        db.session.rollback()
        exports.give_up(export_id, now=clock.now())
        raise


@periodic("*/10 * * * *", name="reports.clean_up", queue="reports")
def clean_up() -> None:
    """Deletes the files that nobody may want any more."""
    exports.clean_up(now=clock.now())
