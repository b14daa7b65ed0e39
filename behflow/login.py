"""The time of the last login, which a login on SQLite does not wait for."""

from typing import Any

from django.contrib.auth.models import update_last_login
from django.contrib.auth.signals import user_logged_in
from django.db import OperationalError

from automation.database import locks

#: Seconds that a login waits on SQLite for a run that writes.
LONGEST_WAIT = 0.2


def note_by_ourselves() -> None:
    """Replace Django's receiver by ours, under its name, which Django leaves alone."""
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    user_logged_in.connect(note, dispatch_uid="update_last_login")


def note(*, sender: Any, user: Any, **_: Any) -> None:
    """Store when somebody logged in, unless a run on SQLite keeps others from writing just now."""
    try:
        with locks.waiting_at_most(LONGEST_WAIT):
            update_last_login(sender, user)
    except OperationalError as error:
        if not locks.is_locked(error):
            raise
