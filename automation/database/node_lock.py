"""The lock of the one node of an SQLite file; the system frees it when that node is gone."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

#: How often, and after how many seconds, taking it is tried again: looking whether it is free takes it, too.
_TRIES, _AGAIN = 3, 0.1


@contextmanager
def held(suffix: str) -> Iterator[None]:
    """Hold it for this process alone. Raises BlockingIOError where another one does."""
    with _path(suffix).open("a") as file:
        # A process that a function forks must not keep it after the node's end.
        os.register_at_fork(after_in_child=file.close)
        for left in reversed(range(_TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(_AGAIN)
        yield


def is_free() -> bool:
    """Whether the node that ran executions here is gone; False where no node is known."""
    try:
        with _path("").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _path(suffix: str) -> Path:
    return Path(f"{connection.settings_dict['NAME']}{suffix}.qcluster.lock")
