"""Who keeps others from writing on SQLite."""

from django.db import connection

from automation.engine.claims import is_taken_for_atomic
from automation.models import Execution, Status


def who_writes() -> Execution | None:
    """The atomic run that goes on, which is the only one to write; None elsewhere."""
    if connection.vendor != "sqlite":
        return None
    running = Execution.objects.filter(status=Status.RUNNING).order_by("started_at")
    return next((one for one in running if is_taken_for_atomic(one.function)), None)
