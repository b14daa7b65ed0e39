"""Write what must be recorded, whatever a run has done to its database session."""

from collections.abc import Callable

from django.db import (
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
    connection,
)

from automation.database.away import repeat_while_away
from automation.queue.messages import GRACE

#: The errors of a database, or its driver, for a value that it does not take.
UNSTORABLE = DataError, IntegrityError, OverflowError, ValueError, TypeError

#: Seconds for which a database that is away is waited for.
_WITHIN = GRACE / 2


def write_surely(write: Callable[[], None], what: str) -> None:
    """Call `write`, which is one transaction, again and again while the database is away."""
    try:
        repeat_while_away(write, what, seconds=_WITHIN)
    except (ProgrammingError, InternalError, NotSupportedError):
        # The function may have changed its session, by a path or a role. A new one is clean.
        connection.close()
        repeat_while_away(write, what, seconds=_WITHIN)
