"""Waiting for a database that does not answer, or that another writer has locked."""

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
    """Whether an error says that the database does not answer, or that somebody else has locked it.

    Where a connection breaks in the middle of an answer, psycopg2 raises a plain DatabaseError.
    """
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def repeat_while_away(do: Callable[[], T], what: str, *, seconds: float | None = None) -> T:
    """Return what `do` returns; repeat it on a new connection while the database does not answer.

    `do` writes nothing, or everything in one transaction. `what`: what it does, for the log. After
    `seconds` (None: never) the database's own error is raised.
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
