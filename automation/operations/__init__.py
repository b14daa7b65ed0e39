"""What a person or a program may do: the permission, why not, doing it, and what to say.

Pages, actions, commands and other interfaces call these operations, and decide nothing themselves.
There is no request, no message of a page and no HTML in here.
"""

from typing import Any

from automation.operations.backfilling import BACKFILL, MOST, Backfilled, must_confirm
from automation.operations.cancelling import CANCEL, CANCEL_EACH
from automation.operations.holding import PAUSE, RESUME, SKIP_NEXT
from automation.operations.operation import Asker, Operation, Said
from automation.operations.starting import (
    APPLY,
    PREVIEW,
    RETRY,
    RUN,
    UNDO,
    Start,
    run_each,
    said_of_refusal,
)
from automation.operations.switching import DISABLE, ENABLE

#: All operations, by name.
OPERATIONS: dict[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        *(RUN, PREVIEW, APPLY, CANCEL, CANCEL_EACH, RETRY, UNDO),
        *(PAUSE, RESUME, SKIP_NEXT, ENABLE, DISABLE, BACKFILL),
    )
}

__all__ = [
    "APPLY",
    "BACKFILL",
    "CANCEL",
    "CANCEL_EACH",
    "DISABLE",
    "ENABLE",
    "MOST",
    "OPERATIONS",
    "PAUSE",
    "PREVIEW",
    "RESUME",
    "RETRY",
    "RUN",
    "SKIP_NEXT",
    "UNDO",
    "Asker",
    "Backfilled",
    "Operation",
    "Said",
    "Start",
    "must_confirm",
    "run_each",
    "said_of_refusal",
]
