"""The gate: whoever claims, launches or ends by force holds the row of the process."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, models

from automation.models import compiled
from automation.models.compiled import parameters
from automation.models.process import Process, ProcessQuerySet


def lock(process: int | None, *, skip_locked: bool = False) -> Process | None:
    """Lock a process, by its id, until the transaction ends.

    None where it is gone or, with `skip_locked`, somebody else holds it.
    """
    return next(iter(_lock(1, skip_locked, pks=[process or 0])), None)


def lock_free(processes: Collection[int]) -> list[Process]:
    """Lock those that nobody else holds."""
    pks = list(processes)
    return _lock(len(pks), True, pks=pks) if pks else []


@compiled.select((1, True), (1, False))
def _lock(count: int, skip_locked: bool) -> ProcessQuerySet:
    rows = Process.objects.lock(skip_locked=skip_locked)
    return rows.filter(pk__in=parameters("pks", models.BigAutoField(), count)).order_by("pk")


def is_locked(error: OperationalError) -> bool:
    """Whether it says that somebody else writes on SQLite."""
    return connection.vendor == "sqlite" and "locked" in str(error)


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """On SQLite, wait so long for who writes inside the block, not as long as the project says."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    usual = connection.settings_dict.get("OPTIONS", {}).get("timeout", 5)
    connection.ensure_connection()
    _set_busy_timeout(min(seconds, usual))
    try:
        yield
    finally:
        _set_busy_timeout(usual)


def _set_busy_timeout(seconds: float) -> None:
    if connection.connection is not None:  # By the driver: it is no statement of the request.
        connection.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
