"""How long a claim holds without a sign of life from whoever runs it."""

from datetime import timedelta

from automation import database
from automation.conf import setting

#: Shares of the lease: when it is renewed; and when a run whose lease was not renewed is ended, so
#: that it is over before another may start.
RENEW, GIVE_UP = 0.2, 0.7


def length() -> timedelta | None:
    """Return the length of a lease; None on SQLite: as long as the run may take.

    An atomic run there keeps everybody else from writing, so nothing could be renewed.
    """
    if database.one_writer():
        return None
    return timedelta(seconds=float(setting("LEASE")))
