"""When the parent ends a node whose leases are not renewed, and the clock that measures leases."""

import time

from automation.engine.run.lease import GIVE_UP, RENEW, length

__all__ = ["GIVE_UP", "KILL", "RENEW", "length", "now"]

#: The share of the lease after which, unrenewed, the parent kills the dispatcher.
KILL = 0.85


def now() -> float:
    """Return seconds of a clock that goes on while the host is suspended, if there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
