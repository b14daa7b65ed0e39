"""What keeps an execution that waited from starting at all: it is skipped with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from automation import logs, registry
from automation.models import Execution, Hold, Process, Trigger, reasons
from automation.queue import messages


@dataclass(frozen=True)
class Refusal:
    """Why an execution that waited must not start any more: a reason and its data."""

    reason: str
    data: dict[str, Any] = field(default_factory=dict)


def refusal_of(
    execution: Execution, process: Process | None, holds: Mapping[int, Hold]
) -> Refusal | None:
    """Return why an execution must not start any more; None where it may.

    `holds`: what holds processes now, by their ids.
    """
    if process is None:
        return Refusal(reasons.PROCESS_DELETED)
    if registry.find(execution.function) is None:
        return Refusal(reasons.FUNCTION_GONE, {"function": execution.function})
    if execution.trigger == Trigger.SCHEDULE:
        return _refusal_of_occurrence(execution, process, holds.get(process.pk))
    return None


def _refusal_of_occurrence(
    execution: Execution, process: Process, hold: Hold | None
) -> Refusal | None:
    if not process.is_enabled:
        return Refusal(reasons.DISABLED)
    if hold is not None:
        return Refusal(hold.reason, hold.data)
    due = execution.scheduled_for
    return (
        Refusal(reasons.TOO_LATE, process.lateness(due))
        if due and process.is_too_late(due)
        else None
    )


def skip(execution: Execution, refusal: Refusal) -> None:
    row = Execution.objects.filter(pk=execution.pk)
    if row.skip(refusal.reason, **refusal.data):
        messages.delete([execution.message])
        logs.skipped(execution, partial(reasons.in_words, refusal.reason, refusal.data))
