"""What follows from the end of an execution, in the transaction that ends it."""

from automation.engine.end import notices, pausing, retrying
from automation.models import FAILED, Execution, Kind, Status

#: What is called after a completed execution, and after one that failed for good, in this order.
AFTER_SUCCESS = (notices.after_success,)
AFTER_FAILURE = (pausing.pause_after_failures, notices.after_failure)


def follow(execution: Execution, status: Status, reason: str) -> None:
    """Call everything that follows an end with this status and reason."""
    if status == Status.COMPLETED:
        after_success(execution)
    elif status in FAILED and execution.kind == Kind.RUN:
        _after_failure(execution, status, reason)


def after_success(execution: Execution) -> None:
    """Call everything that follows a completed execution."""
    for consequence in AFTER_SUCCESS:
        consequence(execution)


def _after_failure(execution: Execution, status: Status, reason: str) -> None:
    if retrying.try_again(execution, status, reason):
        return  # There is another attempt: it has not failed for good.
    for consequence in AFTER_FAILURE:
        consequence(execution, status)
