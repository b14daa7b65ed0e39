"""Runs that keep others from writing: on SQLite at all, on PostgreSQL by locked rows."""

from django.db import OperationalError
from django.utils.translation import gettext as _

from automation import database
from automation.database import locks
from automation.instants import to_second
from automation.models import Execution, ExecutionQuerySet, Status
from automation.registry import is_taken_for_atomic

#: Running executions that are named at most.
NAMED = 5


def who_writes() -> Execution | None:
    """Return the running atomic execution, which is the only writer on SQLite; None elsewhere."""
    if not database.one_writer():
        return None
    running = _running()
    return next((one for one in running if is_taken_for_atomic(one.function)), None)


def likely_holders() -> list[Execution]:
    """Return the longest running executions, one of which most likely has the locked row."""
    return list(_running()[:NAMED])


def _running() -> ExecutionQuerySet:
    """Return the longest first, each with its process, whose zone its times are written in."""
    running = Execution.objects.filter(status=Status.RUNNING).select_related("process")
    return running.order_by("started_at", "pk")


def what_is_locked(error: OperationalError) -> str:
    """Return a sentence about what is locked: something that still runs has locked it."""
    model = locks.locked_model(error)
    what = model._meta.verbose_name if model else _("row")
    told = _("This needs a %(what)s that is locked by something that goes on. It was not done.")
    return told % {"what": what}


def why_locked(error: OperationalError) -> str:
    """Return a sentence about what is locked, what runs now, and what to do."""
    holders = [
        f"{one.title} ({to_second(one.started_at or one.available_at, one.zone)})"
        for one in likely_holders()
    ]
    if holders:
        told = _("Running now, and likely to hold it: %(holders)s.") % {
            "holders": ", ".join(holders)
        }
    else:
        told = _("No execution is running: another program may hold it.")
    remedy = _("Try again when that has ended, or cancel it.")
    return f"{what_is_locked(error)} {told} {remedy}"
