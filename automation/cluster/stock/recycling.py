"""When a worker has done so much that a fresh process is to take its place."""

import resource
import sys

from django_q.conf import Conf
from django_q.worker import rss_check

from automation.conf import setting


def is_worn_out(taken: int) -> bool:
    """Whether a worker has done so much, or needs so much memory, that it is to be replaced.

    By our settings; where they say nothing, by those of django-q2.
    """
    most, mebibytes = setting("WORKER_MAX_RUNS"), setting("WORKER_MAX_MIB")
    if taken >= (Conf.RECYCLE if most is None else most):
        return True
    return bool(rss_check()) if mebibytes is None else _peak() >= mebibytes


def _peak() -> float:
    """Return the most MiB of memory that this process had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; bytes on macOS
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
