"""Watch over a run in this process, where no dispatcher does: renew its lease, hear of cancelling."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread, main_thread
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

from automation.engine import lease
from automation.engine.claims import Claim
from automation.engine.context import CANCEL_SIGNAL, DEAF_GRACE
from automation.models import Execution

logger = logging.getLogger(__name__)

#: Seconds between looks.
LOOK = 1


@contextmanager
def watched(held: Claim) -> Iterator[None]:
    """Let others cancel what runs inside the block, and keep its claim. Main thread only.

    By a thread with a connection of its own. By none on SQLite, where nothing could be written while
    an atomic run goes on, nor inside a transaction (a test's), where nobody else sees the claim.
    """
    length = lease.length()
    if length is None or connection.in_atomic_block:
        yield
        return
    # Before and after the function is called nobody else handles the signal, and it would kill.
    before = signal.signal(CANCEL_SIGNAL, signal.SIG_IGN)
    over = Event()
    watch = _Watch(held, length, over, connections[DEFAULT_DB_ALIAS])
    thread = Thread(target=watch.main, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(DEAF_GRACE)
        signal.signal(CANCEL_SIGNAL, before)


@dataclass
class _Watch:
    """What the thread does until the run is over."""

    held: Claim
    lease: timedelta
    over: Event
    #: The connection of the run: a statement it waits for hears no signal.
    connection_of_run: Any
    interrupted_at: float | None = None

    def main(self) -> None:
        try:
            self._watch()
        finally:
            connection.close()

    def _watch(self) -> None:
        seconds = self.lease.total_seconds()
        look = min(LOOK, seconds * lease.RENEW)
        renewed_at = time.monotonic()
        held = {self.held.execution.pk: self.held.token}
        while not self.over.wait(look):
            asked_at = time.monotonic()
            try:
                must_end = self._is_cancelled()
                if asked_at - renewed_at >= seconds * lease.RENEW:
                    must_end |= bool(Execution.objects.all().renew(held, self.lease))
                    renewed_at = asked_at
            except Error as error:  # The database is away; it may be back before the lease ends.
                logger.warning("%s is not watched: %s", self.held.execution, str(error).strip())
                connection.close()
                must_end = asked_at - renewed_at >= seconds * lease.GIVE_UP
            if must_end:
                self._interrupt()

    def _is_cancelled(self) -> bool:
        held = Execution.objects.all().held_with([self.held.token])
        return held.filter(cancel_requested_at__isnull=False).exists()

    def _interrupt(self) -> None:
        """Again and again: before its function is called, a run does not listen yet."""
        now = time.monotonic()
        if self.interrupted_at is None:
            self.interrupted_at = now
        signal.pthread_kill(main_thread().ident or 0, CANCEL_SIGNAL)
        if now - self.interrupted_at >= DEAF_GRACE and self.connection_of_run.connection:
            self.connection_of_run.connection.cancel()
