"""By how much a start is delayed, so that not everything starts at the same moment."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.utils.translation import gettext as _

from automation.schedule.errors import ScheduleError

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def jitter_of(seed: str, occurrence: datetime, jitter: timedelta) -> timedelta:
    """Return a delay from nothing to `jitter`, in whole seconds, both included.

    It is made of `seed` and `occurrence` alone, by a hash: the same in every process, so that what
    a preview says comes true. Raises ScheduleError for a negative jitter.
    """
    if jitter < timedelta(0):
        raise ScheduleError("jitter", _("A delay cannot be negative."))
    microseconds = (occurrence - _EPOCH) // timedelta(microseconds=1)
    drawn = int.from_bytes(sha256(f"{microseconds} {seed}".encode()).digest(), "big")
    return drawn % (jitter // _SECOND + 1) * _SECOND
