"""Advice about columns of a process that are allowed, and do not fit the rest; a sentence each."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation import database
from automation.models import Process
from automation.queue.messages import GRACE

#: Seconds for which an atomic run may keep all other writers of an SQLite file waiting: these give
#: up after 20.
SQLITE_LIMIT = 15


def about(process: Process) -> list[str]:
    """Return all advice about a process; empty for one that fits."""
    found = (about_retries, about_group, about_messages, about_sqlite)
    return [told for sentence in found if (told := sentence(process))]


def about_retries(process: Process) -> str:
    if process.max_retries and process.retry_max_delay < process.retry_delay:
        told = _("The longest delay (%(longest)s s) is below the first one (%(first)s s).")
        return told % {"longest": process.retry_max_delay, "first": process.retry_delay}
    if process.max_retries and process.retry_delay < 1:
        return _("It is tried again without a delay.")
    return ""


def about_group(process: Process) -> str:
    group = process.concurrency_group
    if group is None or process.max_concurrency <= group.max_concurrency:
        return ""
    told = ngettext(
        "It may run %(own)s times at once, its group %(group)s only %(limit)s time.",
        "It may run %(own)s times at once, its group %(group)s only %(limit)s times.",
        group.max_concurrency,
    )
    return told % {
        "own": process.max_concurrency,
        "group": group.name,
        "limit": group.max_concurrency,
    }


def about_messages(process: Process) -> str:
    """Return advice for a stock cluster of django-q2 over the same rows; "" where all fits.

    Our own cluster takes no message twice.
    """
    cluster: Mapping[str, Any] = getattr(settings, "Q_CLUSTER", {})
    retry, needed = cluster.get("retry", 60), process.effective_time_limit + GRACE
    if cluster.get("orm") != "default" or retry > needed:
        return ""
    told = _(
        "Its time limit of %(limit)s s asks for a Q_CLUSTER['retry'] above %(needed)s s; it is "
        "%(retry)s: a cluster of django-q2's own would be sent its runs again while they go on."
    )
    return told % {"limit": process.effective_time_limit, "needed": needed, "retry": retry}


def about_sqlite(process: Process) -> str:
    limit = process.time_limit or 0
    if not database.one_writer() or not process.is_atomic or limit <= SQLITE_LIMIT:
        return ""
    told = _(
        "On SQLite an atomic run keeps every other writer waiting, and they give up after 20 s: "
        "its time limit is %(limit)s s."
    )
    return told % {"limit": limit}
