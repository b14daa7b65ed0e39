"""What a run can change in its process, how it is read, and how it is restored."""

import _signal  # type: ignore[import-not-found]
import gc
import locale
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from automation import registry
from automation.cluster import loggers
from automation.cluster.loggers import Loggers


class Property(NamedTuple):
    """Something that a run can change, and what restores it; None where nothing can."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object] | None = None
    #: Whether the process is still as it was read, where another `read` would take longer.
    is_as: Callable[[Any], bool] | None = None


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


PROPERTIES = [
    Property("a signal mask", _mask, _put_back_mask),
    Property("timers", _timers, _stop_timers),
    Property("handlers of signals", _handlers, _put_back_handlers),
    Property("a disabled logging", loggers.read_all, loggers.put_back_all),
    Property("changed loggers", Loggers, Loggers.set_again, is_as=lambda before: bool(before.hold)),
    Property("a working directory that is gone", os.getcwd, os.chdir),
    Property("a umask", _umask, os.umask),
    Property("a changed environment", _environment, _put_back_environment),
    Property("a garbage collector", _collector, _put_back_collector),
    Property("a timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Property(
        "a locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda before: locale.setlocale(locale.LC_ALL, before),
    ),
    Property("streams and hooks of Python", _hooks, _put_back_hooks),
    Property("a tracer", _tracing, _put_back_tracing),
    Property("Python's search path", lambda: sys.path[:], _put_back_path),
    Property("limits of Python", _interpreter, _put_back_interpreter),
    Property("filters of warnings", _filters, _put_back_filters),
    Property("redirected streams", _streams),
    Property("changed resource limits", _limits),
    Property("another user or group", _who),
    Property("a changed niceness or affinity", _priority),
    Property("changed process functions", registry.all_functions),
]
