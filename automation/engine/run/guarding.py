"""Guard a run at a terminal, as a dispatcher guards a run of one of its workers.

The run is a process of its own: whatever it does, its time limit holds, others can cancel it, and
its end is recorded.
"""

import logging
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from django.db import Error, connection

from automation import database
from automation.database import beside, forking, session
from automation.database.away import repeat_while_away
from automation.database.forking import (
    die_with,
    forget_connections,
    kill_with_all_it_started,
    live_apart_in_children,
)
from automation.engine.end import cancel_requests
from automation.engine.run import commit_hooks, killed, lease
from automation.engine.run.claims import Claim
from automation.engine.run.interruptions import CANCEL_SIGNAL, Watcher
from automation.engine.run.runner import run
from automation.limits import KILL_GRACE
from automation.models import Execution, reasons

logger = logging.getLogger(__name__)

#: Seconds between looks at the child, and at the database.
LOOK, ASK = 0.1, 1
#: The signals that end a run at a terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """In its block, signals raise KeyboardInterrupt, or are only noted while a run is guarded."""

    def __init__(self) -> None:
        self.raises, self.came = True, False

    def __enter__(self) -> "Signals":
        self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self.raises:
            raise KeyboardInterrupt

    @contextmanager
    def noted(self) -> Iterator[None]:
        self.raises = False
        try:
            yield
        finally:
            self.raises = True


def run_guarded(claim: Claim, signals: Signals) -> None:
    """Run a claim in a child process; raise KeyboardInterrupt where a signal ended it.

    It runs in this process inside a transaction (of a test), which no child would see, and on a
    database without a file.
    """
    without_file = database.one_host() and beside.folder() is None
    if connection.in_atomic_block or without_file:
        run(claim)
        return
    with signals.noted():
        _Guard(claim, signals).watch()
    if signals.came:
        raise KeyboardInterrupt


@dataclass
class _Begun(Watcher):
    """Tells the guard that the function is called, and that the run is about to commit."""

    pipe: int

    def begun(self) -> None:
        os.write(self.pipe, b".")

    def committing(self, seconds: int) -> None:
        os.write(self.pipe, b".")


@dataclass
class _Guard:
    claim: Claim
    signals: Signals
    begun_at: float | None = None
    #: Where hooks follow its commit: when they began at the earliest, and their limit (s).
    committing_at: float | None = None
    commit_limit: int = 0
    #: When it will have passed its time limit.
    over_at: float = math.inf
    #: Why it has to end, and when it is killed.
    why: str = ""
    kill_at: float | None = None
    asked_at: float = field(default_factory=time.monotonic)
    renewed_at: float = field(default_factory=time.monotonic)

    def watch(self) -> None:
        self.pipe, theirs = os.pipe()
        forking.before()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _live(lambda: run(self.claim, _Begun(theirs)), parent)
        os.close(theirs)
        try:
            while (status := self._status()) is None:
                self._look()
        finally:
            os.close(self.pipe)
        repeat_while_away(lambda: self._record(status), f"record the end of {self.claim.execution}")

    def _status(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _look(self) -> None:
        now = time.monotonic()
        self._hear()
        if self.signals.came and self.why != reasons.INTERRUPTED:
            self._interrupt(reasons.INTERRUPTED, signal.SIGTERM)
        elif not self.why and self._must_end(now):
            self._interrupt(reasons.CANCELLED, CANCEL_SIGNAL)
        if now >= self.over_at + KILL_GRACE:
            self.why = self.why or reasons.TIME_LIMIT_IGNORED
            self.kill_at = now
        if self.kill_at is not None and now >= self.kill_at:
            kill_with_all_it_started(self.pid)

    def _hear(self) -> None:
        """Wait a moment for what the child says."""
        if self.committing_at is not None:  # The child has closed its end.
            time.sleep(LOOK)
            return
        if not select.select([self.pipe], [], [], LOOK)[0]:
            return
        if not os.read(self.pipe, 1):
            time.sleep(LOOK)  # The child is gone, or will be in a moment.
        elif self.begun_at is None:
            self.begun_at = time.monotonic()
            self.over_at = self.begun_at + self.claim.time_limit
        else:
            self.committing_at = time.monotonic()
            took = self.committing_at - self.begun_at
            self.commit_limit = commit_hooks.limit_after(took, self.claim.time_limit)
            self.over_at = self.committing_at + self.commit_limit

    def _interrupt(self, why: str, number: int) -> None:
        self.why = why
        self.kill_at = time.monotonic() + KILL_GRACE
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _must_end(self, now: float) -> bool:
        """Whether somebody cancelled the run, or its claim is gone."""
        execution = self.claim.execution
        if cancel_requests.is_asked_for(execution):
            return True
        length = lease.length()
        if now - self.asked_at < min(ASK, length.total_seconds() * lease.RENEW if length else ASK):
            return False
        self.asked_at = now
        try:
            ours = Execution.objects.all().claimed_with([self.claim.token])
            must_end = ours.filter(cancel_requested_at__isnull=False).exists()
            if length and now - self.renewed_at >= length.total_seconds() * lease.RENEW:
                must_end |= bool(
                    Execution.objects.all().renew({execution.pk: self.claim.token}, length)
                )
                self.renewed_at = now
        except Error as error:  # The database may be back before the lease ends.
            logger.warning("%s is not watched: %s", execution, str(error).strip())
            connection.close()
            return bool(length and now - self.renewed_at >= length.total_seconds() * lease.GIVE_UP)
        return must_end

    def _record(self, exit_code: int) -> None:
        """Write how the run ended, where the child could not write it."""
        committing = None
        if self.committing_at is not None and exit_code != 0:
            committing = time.monotonic() - self.committing_at, self.commit_limit
        if committing or Execution.objects.all().claimed_with([self.claim.token]).exists():
            seconds = time.monotonic() - (self.begun_at or time.monotonic())
            killed.record(
                killed.Killed(
                    claim=self.claim,
                    reason=self.why or reasons.WORKER_DIED,
                    exit_code=exit_code,
                    seconds=seconds,
                    committing=committing,
                )
            )
        cancel_requests.forget(self.claim.execution.pk)


def _live(main: Callable[[], object], parent: int) -> NoReturn:
    """Run the child's part; nothing of its parent's is executed in it."""
    code = 1
    try:
        die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # The terminal sends it to both.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(CANCEL_SIGNAL, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _interrupt_once)
        forget_connections()
        live_apart_in_children()
        session.settle()
        main()
        code = 0
    except KeyboardInterrupt:
        code = 0
    except BaseException:
        logger.exception("The run could not be recorded.")
    finally:
        with suppress(Exception):
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _interrupt_once(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
