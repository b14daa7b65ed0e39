"""Wakes processes that wait for work: LISTEN and NOTIFY on PostgreSQL, nothing elsewhere.

A lost notification costs a short delay, no more: every part also looks by itself after a while.
"""

import logging
import time
from multiprocessing.connection import wait
from typing import Any
from uuid import uuid4
from weakref import WeakSet

from django.db import connection

from automation.database import driver

logger = logging.getLogger(__name__)

CHANNEL = "automation"

#: Topics: there may be an execution to run, ordinary work of django-q2, a running execution to
#: cancel, a schedule to look at, a notice to send.
RUN, TASK, CANCEL, SCHEDULE, NOTICE = "run", "task", "cancel", "schedule", "notice"


def notify(topic: str) -> None:
    """Notify every node of a topic when the transaction commits; the server drops repetitions."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])


#: Seconds in which a listener has to hear its own notification.
HEARING = 3


#: The listeners of this process; its children must not use them.
listeners: "WeakSet[Listener]" = WeakSet()


class Listener:
    """A connection of its own that listens for topics."""

    def __init__(self) -> None:
        """Connect and listen. Raises OperationalError where the database does not answer."""
        # It is not one of django.db.connections, so nothing closes or shares it; nor does a pool.
        self._wrapper: Any = connection.copy()
        self._wrapper.settings_dict["OPTIONS"].pop("pool", None)
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
    def hears_nothing(self) -> bool:
        """Whether it listens and gets nothing: a pooler that lends connections does that."""
        return self._greeting is not None and time.monotonic() - self._greeted_at > HEARING

    @property
    def hears(self) -> bool:
        """Whether its own notification arrived: then no pooler lends the sessions."""
        return self._greeting is None

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a notification arrives."""
        return int(self._raw.fileno())

    def heard(self) -> set[str]:
        """Return the topics notified since the last call.

        Raises OperationalError where the connection is gone.
        """
        with self._wrapper.wrap_database_errors:
            topics = set(driver.heard(self._raw))
        if self._greeting in topics:
            self._greeting = None
        return {topic for topic in topics if not topic.startswith("hello ")}

    def close(self) -> None:
        self._wrapper.close()


def can_listen() -> bool:
    """Whether there is a LISTEN here whose connection can be waited for with other things."""
    return driver.tells_what_it_hears()


def arrives(seconds: float = HEARING) -> bool:
    """Whether a notification reaches a connection that listens, within so many seconds.

    Raises OperationalError where the database does not answer.
    """
    deadline = time.monotonic() + seconds
    listener = Listener()
    try:
        while not listener.hears and (left := deadline - time.monotonic()) > 0:
            wait([listener.fileno()], left)
            listener.heard()
        return listener.hears
    finally:
        listener.close()
