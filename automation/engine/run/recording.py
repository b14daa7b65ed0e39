"""Write what must be on record, whatever a run did to its database session."""

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

#: What a database, or its driver, says of a value that it does not take.
UNSTORABLE = DataError, IntegrityError, OverflowError, ValueError, TypeError

#: Seconds for which a database that is away is waited for.
_WITHIN = GRACE / 2


def write_surely(write: Callable[[], None], what: str) -> None:
    """Call `write`, which is one transaction; a database that is away is waited for."""
    try:
        repeat_while_away(write, what, seconds=_WITHIN)
    except (ProgrammingError, InternalError, NotSupportedError):
        # The function may have spoilt its session: a path, a role. A new one is clean.
        connection.close()
        repeat_while_away(write, what, seconds=_WITHIN)
