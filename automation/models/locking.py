"""Locks on the rows of processes: whoever claims, launches or ends by force takes one first."""

from collections.abc import Collection

from django.db import models

from automation.database import statements
from automation.database.statements import placeholders
from automation.models.process import Process, ProcessQuerySet


def lock(process: int | None, *, skip_locked: bool = False) -> Process | None:
    """Lock a process, by its id, until the transaction ends; return it.

    None where it does not exist or, with `skip_locked`, somebody else has locked it.
    """
    return next(iter(_lock(1, skip_locked, pks=[process or 0])), None)


def lock_free(processes: Collection[int]) -> list[Process]:
    """Lock the processes that nobody else has locked, until the transaction ends; return them."""
    pks = list(processes)
    return _lock(len(pks), True, pks=pks) if pks else []


@statements.select((1, True), (1, False))
def _lock(count: int, skip_locked: bool) -> ProcessQuerySet:
    rows = Process.objects.lock(skip_locked=skip_locked)
    return rows.filter(pk__in=placeholders("pks", models.BigAutoField(), count)).order_by("pk")
