"""A limit to how long a command waits for a row that a run has locked."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError

from automation.database import locks
from automation.reports.writer import why_locked

#: Seconds that a command waits on PostgreSQL for a row that something else has locked.
WAIT = 1


@contextmanager
def answering_soon() -> Iterator[None]:
    """Raise CommandError (exit code 1) where a statement in the block waits too long for a lock."""
    try:
        with locks.waiting_for_rows_at_most(WAIT):
            yield
    except OperationalError as error:
        if not locks.is_locked_row(error):
            raise
        raise CommandError(why_locked(error)) from error
