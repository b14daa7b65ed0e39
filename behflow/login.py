"""What is written when somebody logs in."""

from typing import Any

from django.contrib.auth.models import update_last_login
from django.contrib.auth.signals import user_logged_in
from django.db import OperationalError

from automation.database import locks

#: Seconds that a login waits on SQLite for a run that writes.
LONGEST_WAIT = 0.2


def note_by_ourselves() -> None:
    """In the place of Django's own receiver, which leaves alone what stands under its name."""
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    user_logged_in.connect(note, dispatch_uid="update_last_login")


def note(*, sender: Any, user: Any, **_: Any) -> None:
    """Write down when somebody logged in, unless a run on SQLite lets nobody write just now."""
    try:
        with locks.waiting_at_most(LONGEST_WAIT):
            update_last_login(sender, user)
    except OperationalError as error:
        if not locks.is_locked(error):
            raise
