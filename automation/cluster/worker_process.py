"""A worker as its dispatcher knows it: its process, what it runs, and since when."""

import logging
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from automation.cluster import channel, worker
from automation.cluster.children import Child, private_pipe
from automation.cluster.inbox import Inbox, UnreadableError
from automation.engine.run import lease
from automation.engine.run.claims import Claim
from automation.engine.run.interruptions import CANCEL_SIGNAL
from automation.limits import KILL_GRACE
from automation.models import LogLine
from automation.queue.ordinary import Ordinary

logger = logging.getLogger(__name__)

#: Log lines of a run that are kept until they are written; further ones come at its end.
KEPT_LINES = 1_000


@dataclass
class Assignment:
    """A piece of work that a worker was given."""

    work: Claim | Ordinary
    handed_at: float = field(default_factory=lease.now)
    begun_at: float | None = None
    time_limit: int | None = None  # seconds
    #: Where hooks follow its commit: when they began at the earliest, and their limit (s).
    committing_at: float | None = None
    commit_limit: int = 0
    #: When its worker is killed, and why.
    kill_at: float | None = None
    is_cancelled: bool = False
    lines: deque[LogLine] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    progress: dict[str, Any] | None = None

    @property
    def claim(self) -> Claim | None:
        return self.work if isinstance(self.work, Claim) else None

    def begin(self, time_limit: int | None) -> None:
        self.begun_at, self.time_limit = lease.now(), time_limit
        self.kill_at = None
        if time_limit is not None:
            self.kill_at = self.begun_at + time_limit + KILL_GRACE

    def note(self, kind: str, value: Any) -> None:
        """Note what the worker reports of it."""
        if kind == channel.BEGUN:
            self.begin(value)
        elif kind == channel.COMMITTING:
            self.commit(value)
        elif kind == channel.LINE:
            self.lines.append(value)
        elif kind == channel.PROGRESS:
            self.progress = value

    @property
    def is_overdue(self) -> bool:
        """Whether it should have ended by now, after the worker was told so."""
        return self.kill_at is not None and lease.now() >= self.kill_at

    def commit(self, limit: int) -> None:
        self.committing_at, self.commit_limit = lease.now(), limit
        if not self.is_cancelled:
            self.kill_at = self.committing_at + limit + KILL_GRACE


class WorkerProcess:
    """A worker process and its pipe."""

    def __init__(self, number: int) -> None:
        self.pipe, its_end = private_pipe()
        self._inbox = Inbox(self.pipe)
        self.assignment: Assignment | None = None
        #: Whether it was told to go, was killed by us, or goes by itself.
        self.is_leaving = False
        self.child = Child(f"worker {number}", lambda: worker.main(its_end), own_group=True)
        its_end.close()

    @property
    def is_idle(self) -> bool:
        return self.assignment is None and not self.is_leaving

    def hand(self, work: Claim | Ordinary) -> None:
        self.assignment = Assignment(work)
        try:
            self.pipe.send(work)
        except OSError:  # The worker died just now; the look for dead workers finds it.
            logger.debug("%s took no work.", self.child.name)

    def heard(self) -> Assignment | None:
        """Read what the worker sends; return the run that has ended, if one has."""
        ended = None
        try:
            for kind, value in self._inbox.messages():
                if kind in (channel.DONE, channel.LEAVING):
                    ended, self.assignment = self.assignment, None
                    self.is_leaving |= kind == channel.LEAVING
                elif self.assignment is not None:
                    self.assignment.note(kind, value)
        except (EOFError, OSError):
            pass
        except (UnreadableError, TypeError, ValueError) as error:
            logger.error("%s is killed: it sent what cannot be read (%s).", self.child.name, error)
            self.kill()
        return ended

    def cancel(self) -> None:
        """Interrupt what the worker runs; after a grace it is killed."""
        if self.assignment and not self.assignment.is_cancelled:
            self.assignment.is_cancelled = True
            self.assignment.kill_at = lease.now() + KILL_GRACE
            self.child.signal(CANCEL_SIGNAL)

    def dismiss(self) -> None:
        """Let the worker go when it is idle."""
        self.is_leaving = True
        try:
            self.pipe.send(channel.STOP)
        except OSError:
            self.child.signal(signal.SIGKILL)

    def kill(self) -> None:
        self.is_leaving = True
        self.child.kill()
