"""What a forked process must do before anything else, and how one is ended with all that it started."""

import ctypes
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from automation.database import listen

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1

#: What a child inherited and must neither use nor close: kept, so that nothing collects it.
_inherited: list[Any] = []
#: Statements that Django keeps with DEBUG, of each connection, in a process that serves no requests.
KEPT_QUERIES = 50


def die_with(parent: int) -> None:
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It died before that was said.
        os._exit(1)


def forget_connections() -> None:
    """A child has connections of its own; those of its parent it leaves alone.

    They are not closed, of which the server would hear. On PostgreSQL what is written to them, or
    read, by whoever still has them or takes their descriptors for its own, does not get there.
    """
    for listener in listen.listeners:
        _cut_off(listener)
    for connection in connections.all(initialized_only=True):
        raw, connection.connection = connection.connection, None
        _inherited.append(raw)
        if raw is not None and connection.vendor == "postgresql":
            _cut_off(raw)
        # As before it is connected: a transaction of the parent is none here.
        connection.in_atomic_block = connection.needs_rollback = False
        connection.closed_in_transaction = False
        connection.savepoint_ids, connection.atomic_blocks, connection.run_on_commit = [], [], []
        connection.queries_log = deque(connection.queries_log, KEPT_QUERIES)
    BaseDatabaseWrapper.queries_limit = KEPT_QUERIES


def _cut_off(thing: Any) -> None:
    """Its descriptor stays taken, so that nothing else gets the number; it leads nowhere."""
    with suppress(Exception):  # It may be closed already.
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, thing.fileno(), inheritable=False)
        os.close(nowhere)


def live_apart_in_children() -> None:
    """Let what this process forks, by any library, connect by itself and heed signals as usual."""
    os.register_at_fork(after_in_child=_live_apart)


def _live_apart() -> None:
    forget_connections()
    with suppress(ValueError):  # Not where another thread forked.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)


def cause_of(exit_code: int | None) -> str:
    """How a process ended, for the log: an exit code below 0 is a signal."""
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def kill_with_all_it_started(pid: int) -> None:
    """On Linux; elsewhere it alone."""
    for one in reversed(_family(pid)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found
