"""Wait for a database that is locked by another writer, or away."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Seconds between attempts.
PAUSE = 1


def is_away(error: Exception) -> bool:
    """Whether it says that the database does not answer, or is locked by somebody else.

    Where a connection breaks in the middle of an answer psycopg2 raises a DatabaseError of no kind.
    """
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def patiently(do: Callable[[], T], what: str, *, seconds: float | None = None) -> T:
    """Return what `do` returns, tried again on a new connection while the database does not answer.

    `do` writes nothing, or everything in one transaction. After so many seconds (None: never) the
    database's own error is raised.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            return do()
        except Error as error:
            if not is_away(error) or (deadline is not None and time.monotonic() >= deadline):
                raise
            logger.warning("Waiting to %s: %s", what, error)
            connection.close()
            time.sleep(PAUSE)
