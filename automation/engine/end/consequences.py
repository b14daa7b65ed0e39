"""What follows from the end of an execution, in the transaction that ends it."""

from automation.engine.end import notices, pausing, retrying
from automation.models import Execution, Kind, Status

#: The ends after which a process's policy may try again.
RETRIED = pausing.FAILURES

#: What follows a completed execution, and one that failed for good, in this order.
AFTER_SUCCESS = (notices.after_success,)
AFTER_FAILURE = (pausing.pause_after_failures, notices.after_failure)


def follow(execution: Execution, status: Status, reason: str) -> None:
    """Let everything follow that an end with this status and reason brings about."""
    if status == Status.COMPLETED:
        after_success(execution)
    elif status in RETRIED and execution.kind == Kind.RUN:
        _after_failure(execution, status, reason)


def after_success(execution: Execution) -> None:
    """Let everything follow that a completed execution brings about."""
    for consequence in AFTER_SUCCESS:
        consequence(execution)


def _after_failure(execution: Execution, status: Status, reason: str) -> None:
    if retrying.try_again(execution, status, reason):
        return  # It has not failed for good.
    for consequence in AFTER_FAILURE:
        consequence(execution, status)
