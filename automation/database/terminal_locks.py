"""Locks of terminals on SQLite; the system frees a lock when its process is gone."""

import fcntl
import os
from pathlib import Path

from automation.database import beside

#: The ending of `node` of an execution that runs at a terminal.
TERMINAL = " (terminal)"

#: The file of the locks and this process's descriptor of it: closing that would free all of them.
_open: dict[str, int] = {}
_held: set[int] = set()


def hold(execution_id: int) -> None:
    """Say that this process runs the execution, until it is told otherwise or is gone."""
    file = _file()
    if file is not None:
        fcntl.lockf(file, fcntl.LOCK_EX, 1, execution_id)
        _held.add(execution_id)


def let_go(execution_id: int) -> None:
    file = _file()
    if file is not None:
        _held.discard(execution_id)
        fcntl.lockf(file, fcntl.LOCK_UN, 1, execution_id)


def is_held(execution_id: int) -> bool:
    """Whether the process lives that runs it. True where nothing is known of that."""
    file = _file()
    if file is None or execution_id in _held:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, execution_id)
    except OSError:
        return True
    fcntl.lockf(file, fcntl.LOCK_UN, 1, execution_id)
    return False


def _file() -> int | None:
    place = beside.folder()
    if place is None:
        return None
    path = f"{place.with_suffix('')}.terminals.lock"
    if path not in _open:
        is_new = not os.path.exists(path)
        _open[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if is_new:
            beside.share_as_the_database(Path(path))
    return _open[path]
