"""look_ahead: what it would do to stop the nodes now, and to go on with the code that is here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic, sleep
from typing import Any

from django.utils import timezone

from automation import registry
from automation.models import CatchUp, Execution, Kind, Process, Status, TriggerType, holds_between
from automation.parameters import ParameterError

#: Seconds between looks while it waits for runs to end.
LOOK = 1
#: Occurrences of one process that are named.
NAMED = 10


@dataclass(frozen=True)
class Due:
    """What falls due soon."""

    process: Process
    instants: list[datetime]

    @property
    def may_be_missed(self) -> bool:
        """Others are caught up as soon as a node works again."""
        return self.process.catch_up == CatchUp.NONE


@dataclass(frozen=True)
class Outlook:
    """What a deployment would meet."""

    #: These would be interrupted.
    running: list[Execution]
    due: list[Due]
    #: Waiting executions whose parameters this code refuses, with its sentence.
    refused: list[tuple[Execution, str]]
    #: Processes with a schedule or with waiting executions whose function is not in this code.
    orphaned: list[Process]

    @property
    def is_safe(self) -> bool:
        missed = any(due.may_be_missed for due in self.due)
        return not (self.running or missed or self.refused or self.orphaned)


def look_ahead(minutes: float, *, wait: float = 0) -> Outlook:
    """What falls due within so many minutes counts; `wait` so many seconds for runs to end."""
    deadline = monotonic() + wait
    while (running := _running()) and monotonic() < deadline:
        sleep(LOOK)
    return Outlook(
        running=running,
        due=list(_due(timezone.now(), timedelta(minutes=minutes))),
        refused=list(_refused()),
        orphaned=_orphaned(),
    )


def _running() -> list[Execution]:
    columns = ("process_name", "node", "started_at", "status")
    return list(Execution.objects.filter(status=Status.RUNNING).only(*columns).order_by("pk"))


def _due(now: datetime, span: timedelta) -> Iterator[Due]:
    on_time = Process.objects.filter(is_enabled=True, trigger_type=TriggerType.TIME_BASED)
    processes = list(on_time.select_related("calendar"))
    held = holds_between(processes, now, now + span)
    for process in processes:
        rule, holds = process.usable_rule, held[process.pk]
        if rule is None:
            continue
        starting = (at for at in rule.between(now, now + span) if not holds.at(at))
        instants = [at.astimezone(rule.zone) for at in islice(starting, NAMED)]
        if instants:
            yield Due(process, instants)


def _refused() -> Iterator[tuple[Execution, str]]:
    waiting = Execution.objects.filter(status=Status.PENDING).exclude(kind=Kind.UNDO)
    for execution in waiting.order_by("pk").iterator():
        error = _error_of(execution)
        if error:
            yield execution, error


def _error_of(execution: Execution) -> str:
    function = registry.find(execution.function)
    try:
        if function is not None:
            function.parameters.load(execution.parameters)
    except ParameterError as error:
        return str(error)
    return ""


def _orphaned() -> list[Process]:
    waiting = set(
        Execution.objects.filter(status=Status.PENDING, process__isnull=False)
        .values_list("process", flat=True)
        .distinct()
        .order_by()
    )
    return [
        process
        for process in Process.objects.all()
        if registry.find(process.function) is None
        and (process.pk in waiting or (process.is_enabled and _is_on_time(process)))
    ]


def _is_on_time(process: Process) -> bool:
    return bool(process.trigger_type == TriggerType.TIME_BASED)


def as_json(outlook: Outlook) -> dict[str, Any]:
    """The same for machines."""
    return {
        "is_safe": outlook.is_safe,
        "running": [
            {
                "execution": execution.pk,
                "process": execution.process_name,
                "node": execution.node,
                "started_at": execution.started_at.isoformat() if execution.started_at else None,
            }
            for execution in outlook.running
        ],
        "due": [
            {
                "process": due.process.name,
                "at": [at.isoformat() for at in due.instants],
                "may_be_missed": due.may_be_missed,
            }
            for due in outlook.due
        ],
        "refused": [
            {"execution": execution.pk, "process": execution.process_name, "error": error}
            for execution, error in outlook.refused
        ],
        "orphaned": [
            {"process": process.name, "function": process.function} for process in outlook.orphaned
        ],
    }
