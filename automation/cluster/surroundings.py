"""The state of a worker's process before its first run, restored after each run.

One process runs one function after the other: what one has changed in it must not reach the next.
"""

import _thread
import decimal
import logging
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.db import connections
from django.utils import timezone, translation

from automation.cluster.process_state import PROPERTIES, Property

logger = logging.getLogger(__name__)

#: Bytes of a seed for random numbers. Python by itself takes 2,500, which the system makes slowly.
_SEED = 32


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


def _read_all() -> Iterator[tuple[Property, Any]]:
    """Read all parts of the state; one that cannot be read is left out.

    The directory, for example, may have been deleted by a deployment.
    """
    for one in PROPERTIES:
        try:
            value = one.read()
        except Exception:
            logger.debug("Runs may change %s: it cannot be read.", one.name, exc_info=True)
            continue
        yield one, value


def _is_as(one: Property, before: Any) -> bool:
    try:
        return one.is_as(before) if one.is_as else bool(before == one.read())
    except Exception:  # What a run left there may fail at anything.
        return False


def _put_back(one: Property, before: Any) -> bool:
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
