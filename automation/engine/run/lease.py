"""How long a claim holds without a sign of life from whoever runs it."""

from datetime import timedelta

from django.db import connection

from automation.conf import setting

#: Shares of it: when it is renewed; and when, unrenewed, the run is ended. So an old run is over
#: before another may start.
RENEW, GIVE_UP = 0.2, 0.7


def length() -> timedelta | None:
    """None on SQLite: an atomic run keeps everybody else from writing, so nothing can be renewed.

    There a claim lasts as long as its run may take.
    """
    if connection.vendor == "sqlite":
        return None
    return timedelta(seconds=float(setting("LEASE")))
