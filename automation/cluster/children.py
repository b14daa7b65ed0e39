"""Child processes that die with their parent, and whose death the parent notices."""

import ctypes
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import current_process
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakSet

from automation.database.forking import LINUX, die_with, forget_connections

logger = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36

#: Pipes and sockets of this process alone: a child closes them first of all.
_private: "WeakSet[Any]" = WeakSet()


def keep_private(*things: Any) -> None:
    """Let children of this process close these first of all."""
    _private.update(things)


def private_pipe() -> tuple[Connection, Connection]:
    """Make a pipe; return the end that this process keeps, and the end for a child."""
    ours, theirs = Pipe()
    keep_private(ours)
    return ours, theirs


class Child:
    """A forked process."""

    def __init__(self, name: str, main: Callable[[], object], *, own_group: bool = False) -> None:
        """Fork a child.

        `own_group`: it leads a process group, so that it can be killed with what it has started.
        """
        self.name, self.own_group = name, own_group
        self.exit_code: int | None = None
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            current_process().name = name  # django-q2 shows it
            _live(main, parent, own_group=own_group)

    @property
    def is_alive(self) -> bool:
        if self.exit_code is None:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code is None

    def signal(self, number: int) -> None:
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the child, and what it has started and left in its group."""
        with suppress(ProcessLookupError, PermissionError):
            if self.own_group:
                os.killpg(self.pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)


def _live(main: Callable[[], object], parent: int, *, own_group: bool) -> NoReturn:
    """Run the child's part; nothing of its parent's is executed in it."""
    code = 1
    try:
        if own_group:
            os.setpgid(0, 0)
        die_with(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for thing in _private:
            thing.close()
        _private.clear()
        forget_connections()
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def adopt_orphans() -> None:
    """On Linux, let processes that a dead child leaves behind become children of this one."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_orphans(known: set[int]) -> None:
    """On Linux, kill and reap every child that is not `known`."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    while LINUX and (strange := set(map(int, children.read_text().split())) - known):
        for pid in strange:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class Wakeup:
    """A descriptor that becomes readable when a signal arrives, so that a wait ends."""

    def __init__(self, *numbers: int) -> None:
        self._reader, writer = socket.socketpair()
        self._reader.setblocking(False)
        writer.setblocking(False)
        self._writer = writer
        keep_private(self._reader, writer)
        for number in numbers:
            signal.signal(number, lambda *_: None)
            signal.siginterrupt(number, False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def signals(self) -> list[int]:
        """The signals that arrived since the last call."""
        try:
            return list(self._reader.recv(4096))
        except BlockingIOError:
            return []
