"""Write how an execution ended, with all that follows from it, in one transaction."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from automation import logs
from automation.engine.end import consequences
from automation.models import Execution, Status, claiming, reasons
from automation.queue import messages


class ClaimLostError(Exception):
    """The execution was taken for lost meanwhile: nothing of this run may be kept."""


def end(
    execution: Execution,
    status: Status,
    *,
    token: UUID,
    is_followed: bool = False,
    **columns: Any,
) -> None:
    """End a running execution that was claimed with `token`; call it in a transaction.

    `is_followed`: what follows its commit is still to come, so that it is not known yet whether the
    process works again. Raises ClaimLostError where the claim is gone.
    """
    if not claiming.finish(execution.pk, status, token=token, **columns):
        raise ClaimLostError
    messages.delete([execution.message])
    if status != Status.COMPLETED or not is_followed:
        consequences.follow(execution, status, columns.get("reason", ""))


def lose(executions: Iterable[Execution], reason: str) -> int:
    """End running executions whose workers are gone; return how many. Call it in a transaction."""
    lost = 0
    for execution in executions:
        if Execution.objects.filter(pk=execution.pk, token=execution.token).lose(reason):
            messages.delete([execution.message])
            logs.lost(execution, partial(reasons.in_words, reason, {}))
            consequences.follow(execution, Status.LOST, reason)
            lost += 1
    return lost
