"""What surrounds a process function while it runs: its limits, and who hears of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from django.db import connection

from automation.limits import KILL_GRACE
from automation.models import Execution, LogLine


class Interrupted(BaseException):  # no Error: `except Exception` must not stop it
    """The run has to end now."""


class TimeLimitExceeded(Interrupted):
    """The function ran longer than its process allows."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"It ran longer than its time limit of {seconds} s.")


class RunCancelled(Interrupted):
    """A person stopped it."""

    def __init__(self) -> None:
        super().__init__("It was cancelled.")


#: What tells a worker that a person cancelled the run it is in.
CANCEL_SIGNAL = signal.SIGUSR1


class Interruptions:
    """Raises inside a block what has to end it: the time limit, or a person. Main thread only.

    Code that swallows even that is given a few more seconds; then this process kills itself, so
    that the run is over before its lease lets another start.
    """

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.happened = False

    def __enter__(self) -> Self:
        self._before = {
            signal.SIGALRM: signal.signal(signal.SIGALRM, self._on_alarm),
            CANCEL_SIGNAL: signal.signal(CANCEL_SIGNAL, self._on_cancel),
        }
        signal.setitimer(signal.ITIMER_REAL, self.seconds, KILL_GRACE)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self.happened:
            os.kill(os.getpid(), signal.SIGKILL)
        self._interrupt(TimeLimitExceeded(self.seconds))

    def _on_cancel(self, _number: int, _frame: FrameType | None) -> None:
        if not self.happened:
            signal.setitimer(signal.ITIMER_REAL, KILL_GRACE, KILL_GRACE)
            self._interrupt(RunCancelled())

    def _interrupt(self, error: Interrupted) -> None:
        self.happened = True
        raise error


class LeftOpenError(RuntimeError):
    """The function ended, and the transaction that it began did not."""


@contextmanager
def transactions_as_found() -> Iterator[None]:
    """Roll back what the function begins and leaves open, and say so where nothing else is said."""
    before = _open_transactions()
    blocks, was_atomic = len(connection.atomic_blocks), connection.in_atomic_block
    try:
        yield
        if _open_transactions() != before:
            raise LeftOpenError("The function left a transaction open; it was rolled back.")
    finally:
        if _open_transactions() != before:
            if was_atomic:  # The engine's own, which this error ends.
                del connection.savepoint_ids[before[1] :], connection.atomic_blocks[blocks:]
                connection.needs_rollback = True
            else:
                connection.close()
                connection.connect()


def _open_transactions() -> tuple[bool, int, bool]:
    is_open = connection.connection is not None
    is_manual = is_open and not connection.in_atomic_block and not connection.autocommit
    return connection.in_atomic_block, len(connection.savepoint_ids), is_manual


class Watcher:
    """Hears of a run while it goes on; this one does not listen."""

    #: Whether a KeyboardInterrupt is a person's, who wants the whole command to end.
    is_at_terminal = True

    def begun(self) -> None:
        """The function is about to be called."""

    def line(self, line: LogLine) -> None:
        """It logged something."""

    def progress(self, execution: Execution) -> None:
        """It said how far it is."""

    def committing(self, seconds: int) -> None:
        """It is about to be committed; what is to follow may take so long."""
