"""What surrounds a process function while it runs: its limits, and who is told of its progress."""

import os
import signal
from types import FrameType
from typing import Self

from automation.limits import KILL_GRACE
from automation.models import Execution, LogLine


class Interrupted(BaseException):  # no Error: `except Exception` must not stop it
    """An exception that ends a run; no Error, so that `except Exception` does not stop it."""


class TimeLimitExceeded(Interrupted):
    """The function ran longer than its process allows."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"It ran longer than its time limit of {seconds} s.")


class RunCancelled(Interrupted):
    """A person cancelled the run."""

    def __init__(self) -> None:
        super().__init__("It was cancelled.")


#: The signal that tells a worker that a person cancelled its run.
CANCEL_SIGNAL = signal.SIGUSR1


class Interruptions:
    """Raises in a block what has to end it: the time limit, or a cancel. Main thread only.

    Code that swallows the exception has a few more seconds. Then this process kills itself, so that
    the run is over before its lease lets another start.
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


class Watcher:
    """Is told of a run while it goes on; this one ignores it."""

    #: Whether a KeyboardInterrupt comes from a person who wants the whole command to end.
    is_at_terminal = True

    def begun(self) -> None:
        """Take note that the function is about to be called."""

    def line(self, line: LogLine) -> None:
        """Take a line that the run logged."""

    def progress(self, execution: Execution) -> None:
        """Take the progress of the run."""

    def committing(self, seconds: int) -> None:
        """Take note that the run is about to commit; `limit`: seconds for what follows."""
