"""What a forked process must do first, and how a process is ended with all that it started."""

import ctypes
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from automation.database import listen

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1

#: Connections that a child inherited and must neither use nor close; kept from garbage collection.
_inherited: list[Any] = []
#: Statements that Django keeps of each connection with DEBUG, in a process that serves no requests.
KEPT_QUERIES = 50


def die_with(parent: int) -> None:
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # The parent had died before this was set.
        os._exit(1)


def forget_connections() -> None:
    """Let a forked child open connections of its own and leave its parent's alone.

    The inherited ones are not closed: the server would notice. On PostgreSQL their descriptors are
    led nowhere, so that nothing that still uses them, or the same numbers, reaches the server.
    """
    for listener in listen.listeners:
        _cut_off(listener)
    for one in connections.all(initialized_only=True):
        raw, one.connection = one.connection, None
        _inherited.append(raw)
        if raw is not None and one.vendor == "postgresql":
            _cut_off(raw)
        # As before connecting: a transaction of the parent is not one of the child.
        one.in_atomic_block = one.needs_rollback = False
        one.closed_in_transaction = False
        one.savepoint_ids, one.atomic_blocks, one.run_on_commit = [], [], []
        one.queries_log = deque(one.queries_log, KEPT_QUERIES)
    BaseDatabaseWrapper.queries_limit = KEPT_QUERIES


def _cut_off(thing: Any) -> None:
    """Lead a descriptor nowhere; it stays open, so that nothing else gets its number."""
    with suppress(Exception):  # It may be closed already.
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, thing.fileno(), inheritable=False)
        os.close(nowhere)


def before() -> None:
    """Close an SQLite connection: its locks and shared memory are not for a child."""
    if connection.vendor == "sqlite":
        connection.close()


def live_apart_in_children() -> None:
    """Give processes that this one forks connections of their own and the usual signals.

    Whatever library forks them.
    """
    os.register_at_fork(after_in_child=_live_apart)


def _live_apart() -> None:
    forget_connections()
    with suppress(ValueError):  # Signals cannot be set where another thread forked.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)


def cause_of(exit_code: int | None) -> str:
    """Return how a process ended, for the log; an exit code below 0 is a signal."""
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def kill_with_all_it_started(pid: int) -> None:
    """Kill a process and, on Linux, all that it has started."""
    for one in reversed(_family(pid)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found
