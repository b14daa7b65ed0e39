"""Staged races: real threads on real connections."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any

from django.db import connection, transaction

from automation.models import Process, locking

#: Seconds for which a row stays locked at most.
LOCKED = 60


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all the calls at the same moment, each on a connection of its own; return what they did.

    What a call raised is raised here.
    """
    barrier, results, errors = Barrier(len(calls)), list[Any](), list[BaseException]()

    def run(call: Callable[[], Any]) -> None:
        try:
            barrier.wait(60)
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results


@contextmanager
def locked_elsewhere(process: Process) -> Iterator[None]:
    """Lock a process as the transaction of a run does that launched or saved it, and goes on."""
    holds, over = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                locking.lock(process.pk)
                holds.set()
                over.wait(LOCKED)
        finally:
            connection.close()

    holder = Thread(target=hold)
    holder.start()
    try:
        assert holds.wait(60)
        yield
    finally:
        over.set()
        holder.join()
