"""Start times of the past, each once, in order, and after what is due now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from automation.engine.start.launch import record_of
from automation.models import Execution, Process, Trigger, locking
from automation.parameters import ParameterError
from automation.queue import messages
from automation.reports.missed import BackfillError, looked_up
from automation.why_not import WhyNot

#: Times that are started in one transaction; whatever else concerns the process waits for it.
BATCH = 500


def backfill(
    process: Process,
    occurrences: Iterable[datetime],
    *,
    again: bool = False,
    by: AbstractBaseUser | None = None,
    by_name: str = "",
    note: str = "",
) -> int:
    """Start the times in order, with the parameters of now; return how many were started.

    They wait for free slots, whatever the process does about overlaps, with a priority one below
    that of the process. A time that runs or waits already, or succeeded (unless `again`), is left
    alone: two people may ask for the same at once. They are queued in batches: after an error the
    first batches may be queued, and asking again goes on after them.
    Raises BackfillError for a time that lies ahead, and where no run could start.
    """
    wanted = sorted(set(occurrences))
    if wanted and wanted[-1] > timezone.now():
        told = _("A backfill is of the past: some of these times lie ahead.")
        raise BackfillError(WhyNot("lies_ahead", told))
    asked = {"requested_by": by, "requested_by_name": by_name, "note": note}
    batches = (wanted[i : i + BATCH] for i in range(0, len(wanted), BATCH))
    return sum(_start(process, batch, again=again, **asked) for batch in batches)


@transaction.atomic
def _start(process: Process, instants: Sequence[datetime], *, again: bool, **asked: Any) -> int:
    locked = locking.lock(process.pk)
    if locked is None:
        raise BackfillError(WhyNot("gone", _("This process does not exist any more.")))
    columns: dict[str, Any] = {
        "trigger": Trigger.BACKFILL,
        "parameters": _parameters_of(locked),
        "available_at": timezone.now(),
        # After everything else with the priority of the process, however much later that came.
        "priority": locked.priority - 1,
    }
    executions = [
        record_of(locked, scheduled_for=each.at, **columns, **asked)
        for each in looked_up(locked, instants)
        if each.may_start(again=again)
    ]
    if executions:
        Execution.objects.bulk_create(executions)
        messages.push_all(executions, time_limit=locked.effective_time_limit)
    return len(executions)


def _parameters_of(process: Process) -> dict[str, Any]:
    function = process.registered_function
    if function is None:
        told = _("The function %(function)s is not in the code.")
        raise BackfillError(WhyNot("function_gone", told % {"function": process.function}))
    try:
        return function.parameters.clean(process.parameters)
    except (ParameterError, TypeError) as error:
        told = _("The stored parameters do not fit the function: %(error)s")
        raise BackfillError(WhyNot("parameters_refused", told % {"error": error})) from error
