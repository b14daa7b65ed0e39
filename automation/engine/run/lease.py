"""How long a claim holds without a sign of life from whoever runs it, and the clock it is kept by."""

import time
from datetime import timedelta

from automation import database
from automation.conf import setting

#: Shares of the lease: when it is renewed; when a run whose lease was not renewed is ended, so that
#: it is over before another may start; and when the parent of a node kills the dispatcher that has
#: not done so.
RENEW, GIVE_UP, KILL = 0.2, 0.7, 0.85


def length() -> timedelta | None:
    """Return the length of a lease; None on SQLite: as long as the run may take.

    An atomic run there keeps everybody else from writing, so nothing could be renewed.
    """
    if database.one_writer():
        return None
    return timedelta(seconds=float(setting("LEASE")))


def now() -> float:
    """Return the seconds of a clock that goes on while the host is suspended, if there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
