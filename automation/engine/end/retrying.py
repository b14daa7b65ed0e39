"""retry: try an ended execution again, because a person asks for it."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from automation import registry
from automation.engine.end import ending
from automation.limits import MAX_NAME
from automation.models import Execution, Kind, Status, locking, reasons


class RetryError(ValueError):
    """The execution cannot be tried again; the text says why."""


@transaction.atomic
def retry(execution: Execution, **who: Any) -> Execution:
    """Try an ended execution again, with the parameters it had; return the new one.

    `who`: `requested_by` and `requested_by_name`. Raises RetryError where that cannot be.
    """
    process = locking.lock(execution.process_id)
    execution.refresh_from_db()
    refusal = why_not_retry(execution)
    if process is None or refusal:
        raise RetryError(refusal)
    user = who.get("requested_by")
    name = who.pop("requested_by_name", "") or (user.get_username() if user else "")
    return ending.again(
        execution,
        process,
        attempt=execution.attempt if execution.never_began else execution.attempt + 1,
        delay=timedelta(0),
        requested_by_name=name[:MAX_NAME],
        **who,
    )


def why_not_retry(execution: Execution) -> str:
    """The sentence that says why this execution cannot be tried again; "" if it can."""
    if not execution.is_final:
        return _("It has not ended yet.")
    if execution.kind != Kind.RUN:
        return _("Only runs are tried again, not previews or undoings.")
    if execution.process_id is None:
        return _("Its process was deleted.")
    if execution.status == Status.COMPLETED:
        return _("It completed: run the process again instead.")
    if (
        execution.status == Status.MISSED
        or execution.occurrences > 1
        or _has_no_parameters(execution)
    ):
        return _("It never began: run the process instead.")
    if registry.find(execution.function) is None:
        return _("The function %(function)s is not in the code.") % {"function": execution.function}
    waiting = execution.retries.filter(status__in=[Status.PENDING, Status.RUNNING]).first()
    if waiting is not None:
        return _("It is tried again already: %(retry)s.") % {"retry": waiting}
    return ""


def _has_no_parameters(execution: Execution) -> bool:
    """It was skipped before it got any."""
    without = {reasons.FUNCTION_GONE, reasons.PARAMETERS_REFUSED}
    return execution.status == Status.SKIPPED and execution.reason in without
