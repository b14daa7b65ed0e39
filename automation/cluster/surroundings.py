"""The state of a worker's process before its first run, restored after each run.

One process runs one function after the other: what one has changed in it must not reach the next.
"""

import _signal  # type: ignore[import-not-found]
import _thread
import decimal
import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections
from django.utils import timezone, translation

from automation import registry
from automation.cluster import loggers
from automation.cluster.loggers import Loggers

logger = logging.getLogger(__name__)

#: Bytes of a seed for random numbers. Python by itself takes 2,500, which the system makes slowly.
_SEED = 32


class _Property(NamedTuple):
    """A part of that state, and what restores it; None where nothing can."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object] | None = None
    #: Whether the process is still as it was read, where another `read` would take longer.
    is_as: Callable[[Any], bool] | None = None


class Surroundings:
    """The state of the process as it is now."""

    def __init__(self) -> None:
        self._decimal = decimal.getcontext().copy()
        self._settings = _settings_copied()
        self._before = list(_read_all())

    def put_back(self) -> str:
        """Restore what a run has changed; return what cannot be restored, "" for nothing."""
        translation.deactivate()
        timezone.deactivate()
        decimal.setcontext(self._decimal.copy())
        random.seed(os.urandom(_SEED))
        for connection in connections.all(initialized_only=True):
            connection.queries_log.clear()
        changed = [(one, before) for one, before in self._before if not _is_as(one, before)]
        left = [one.name for one, before in changed if not _put_back(one, before)]
        if _settings() != self._settings:
            left.append("changed settings of Django")
        return ", ".join([*_threads(), *left])


def _read_all() -> Iterator[tuple[_Property, Any]]:
    """Read all parts of the state; one that cannot be read is left out.

    The directory, for example, may have been deleted by a deployment.
    """
    for one in _PROPERTIES:
        try:
            value = one.read()
        except Exception:
            logger.debug("Runs may change %s: it cannot be read.", one.name, exc_info=True)
            continue
        yield one, value


def _is_as(one: _Property, before: Any) -> bool:
    try:
        return one.is_as(before) if one.is_as else bool(before == one.read())
    except Exception:  # What a run left there may fail at anything.
        return False


def _put_back(one: _Property, before: Any) -> bool:
    """Restore a part of the state; return whether that worked."""
    with suppress(Exception):
        if one.write is not None:
            one.write(before)
            return _is_as(one, before)
    return False


def _settings() -> dict[str, Any]:
    wrapped: object = getattr(settings, "_wrapped")  # noqa: B009  # unknown to the types
    return vars(wrapped)


def _settings_copied() -> dict[str, Any]:
    """Copy the settings deeply: a run may also change what a setting contains."""
    found = {}
    for name, value in _settings().items():
        try:
            copied = deepcopy(value)
            found[name] = copied if copied == value else value
        except Exception:  # A project may put anything there.
            found[name] = value
    return found


def _threads() -> list[str]:
    """Return the threads that go on: they could write into the log of the next run, or its rows."""
    others = [one for one in threading.enumerate() if one is not threading.main_thread()]
    unnamed = _thread._count() - len(others)
    named = [f"the thread {one.name}" for one in others]
    return named + (["a thread"] if unnamed > 0 else [])


# Each of them


def _put_back_environment(before: dict[Any, Any]) -> None:
    for key in set(_environment()) - set(before):
        os.unsetenv(key)
    for key, value in before.items():
        os.putenv(key, value)
    data: Any = os.environ._data  # type: ignore[attr-defined]
    data.clear()
    data.update(before)
    time.tzset()


def _environment() -> dict[Any, Any]:
    """Return the environment as bytes: to decode it takes longer than everything else here."""
    return dict(os.environ._data)  # type: ignore[attr-defined]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_NUMBERS = [int(n) for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}]


def _handlers() -> list[Any]:
    """Return the signal handlers, by the module below `signal`, which is ten times as fast."""
    return [_signal.getsignal(number) for number in _NUMBERS]


def _put_back_handlers(before: list[Any]) -> None:
    for number, handler in zip(_NUMBERS, before, strict=True):
        if handler is not None and _signal.getsignal(number) is not handler:
            signal.signal(number, handler)


_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def _timers() -> list[bool]:
    return [signal.getitimer(which)[0] > 0 for which in _TIMERS]


def _stop_timers(_before: object) -> None:
    for which in _TIMERS:
        signal.setitimer(which, 0)


def _collector() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug()


def _put_back_collector(before: tuple[Any, ...]) -> None:
    is_enabled, threshold, debug = before
    (gc.enable if is_enabled else gc.disable)()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


_HOOKS = ("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook")


def _hooks() -> list[Any]:
    return [*(getattr(sys, name) for name in _HOOKS), threading.excepthook]


def _put_back_hooks(before: list[Any]) -> None:
    for name, value in zip(_HOOKS, before, strict=False):
        setattr(sys, name, value)
    threading.excepthook = before[-1]


def _tracing() -> list[Any]:
    return [sys.gettrace(), sys.getprofile()]


def _put_back_tracing(before: list[Any]) -> None:
    sys.settrace(before[0])
    sys.setprofile(before[1])


def _put_back_path(before: list[str]) -> None:
    sys.path[:] = before


def _interpreter() -> tuple[Any, ...]:
    return sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()


def _put_back_interpreter(before: tuple[Any, ...]) -> None:
    sys.setrecursionlimit(before[0])
    sys.setswitchinterval(before[1])
    sys.set_int_max_str_digits(before[2])


def _filters() -> tuple[list[Any], Any]:
    return list(warnings.filters), warnings.showwarning


def _put_back_filters(before: tuple[list[Any], Any]) -> None:
    warnings.resetwarnings()  # So that Python notices that they changed.
    warnings.filters[:] = before[0]  # type: ignore[index]
    warnings.showwarning = before[1]


def _mask() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def _put_back_mask(before: set[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _streams() -> list[tuple[int, int] | None]:
    """Return what the descriptors of input, output and errors refer to; None for a closed one."""
    return [_file_of(number) for number in (0, 1, 2)]


def _file_of(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


def _limits() -> list[Any]:
    return [resource.getrlimit(which) for which in _LIMITS]


def _who() -> tuple[Any, ...]:
    """Return the user and groups as which the process runs."""
    return os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups(), os.getpgrp()


def _priority() -> tuple[Any, ...]:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return os.getpriority(os.PRIO_PROCESS, 0), cores


_PROPERTIES = [
    _Property("a signal mask", _mask, _put_back_mask),
    _Property("timers", _timers, _stop_timers),
    _Property("handlers of signals", _handlers, _put_back_handlers),
    _Property("a disabled logging", loggers.read_all, loggers.put_back_all),
    _Property(
        "changed loggers", Loggers, Loggers.set_again, is_as=lambda before: bool(before.hold)
    ),
    _Property("a working directory that is gone", os.getcwd, os.chdir),
    _Property("a umask", _umask, os.umask),
    _Property("a changed environment", _environment, _put_back_environment),
    _Property("a garbage collector", _collector, _put_back_collector),
    _Property("a timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    _Property(
        "a locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda before: locale.setlocale(locale.LC_ALL, before),
    ),
    _Property("streams and hooks of Python", _hooks, _put_back_hooks),
    _Property("a tracer", _tracing, _put_back_tracing),
    _Property("Python's search path", lambda: sys.path[:], _put_back_path),
    _Property("limits of Python", _interpreter, _put_back_interpreter),
    _Property("filters of warnings", _filters, _put_back_filters),
    _Property("redirected streams", _streams),
    _Property("changed resource limits", _limits),
    _Property("another user or group", _who),
    _Property("a changed niceness or affinity", _priority),
    _Property("changed process functions", registry.all_functions),
]
