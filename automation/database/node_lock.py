"""The lock of the one node of an SQLite file: the system gives it back when its parent is gone."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

#: How often, and after how many seconds, it is tried again: who looks whether it is free holds it.
_TRIES, _AGAIN = 3, 0.1


@contextmanager
def held(suffix: str) -> Iterator[None]:
    """Hold it for this process alone. Raises BlockingIOError where another one does."""
    with _path(suffix).open("a") as file:
        # Or whatever a process function forks would hold it after the node's end.
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
    """Whether the node is gone that ran executions here. False where nothing is known of one."""
    try:
        with _path("").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _path(suffix: str) -> Path:
    return Path(f"{connection.settings_dict['NAME']}{suffix}.qcluster.lock")
