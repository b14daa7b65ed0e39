"""Wake whoever waits for work: LISTEN and NOTIFY on PostgreSQL, nothing elsewhere.

A word that is lost costs a moment, no more: everybody looks again after a while.
"""

import logging
import time
from typing import Any
from uuid import uuid4
from weakref import WeakSet

from django.db import connection

from automation.database import driver

logger = logging.getLogger(__name__)

CHANNEL = "automation"

#: There may be an execution to run; ordinary work of django-q2; a running one to cancel; a
#: schedule to look at; a notice to send.
RUN, TASK, CANCEL, SCHEDULE, NOTICE = "run", "task", "cancel", "schedule", "notice"


def notify(word: str) -> None:
    """Say it to every node when the transaction commits; equal words of one are said once."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, word])


#: Seconds in which a listener has to hear what it said itself.
HEARING = 3


#: The listeners of this process, which its children must not use.
listeners: "WeakSet[Listener]" = WeakSet()


class Listener:
    """A connection of its own that hears what is said."""

    def __init__(self) -> None:
        """Raises OperationalError where the database is away."""
        # Not one of django.db.connections: nobody closes or shares it.
        self._wrapper: Any = connection.copy()
        self._wrapper.ensure_connection()
        self._wrapper.set_autocommit(True)
        with self._wrapper.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._raw = self._wrapper.connection
        listeners.add(self)
        self._greeting: str | None = f"hello {uuid4().hex}"
        self._greeted_at = time.monotonic()
        notify(self._greeting)

    @property
    def is_deaf(self) -> bool:
        """It listens, and hears nothing: a pooler that lends connections by the transaction does that."""
        return self._greeting is not None and time.monotonic() - self._greeted_at > HEARING

    @property
    def hears(self) -> bool:
        """It was heard to: so sessions are kept, and no pooler lends them."""
        return self._greeting is None

    def fileno(self) -> int:
        """It becomes readable when something was said."""
        return int(self._raw.fileno())

    def heard(self) -> set[str]:
        """The words said since. Raises OperationalError where the connection is gone."""
        with self._wrapper.wrap_database_errors:
            words = set(driver.heard(self._raw))
        if self._greeting in words:
            self._greeting = None
        return {word for word in words if not word.startswith("hello ")}

    def close(self) -> None:
        self._wrapper.close()


def can_listen() -> bool:
    """Whether there is a LISTEN here, and a connection that can be waited for with other things."""
    return driver.tells_what_it_hears()
