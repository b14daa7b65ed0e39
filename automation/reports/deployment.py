"""A look ahead: what it would do to stop the nodes now and to go on with the code that is here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic, sleep

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from automation import registry
from automation.conf import setting
from automation.limits import KILL_GRACE
from automation.models import (
    CatchUp,
    Execution,
    Kind,
    Node,
    Process,
    Status,
    holds_between,
)
from automation.parameters import ParameterError

#: Seconds between looks while it waits for runs to end.
LOOK = 1
#: Occurrences of one process that are listed at most.
NAMED = 10


@dataclass(frozen=True)
class Due:
    """The occurrences of a process that fall due soon."""

    process: Process
    instants: list[datetime]

    @property
    def may_be_missed(self) -> bool:
        """Whether the process makes up for nothing; any other starts when a node works again."""
        return self.process.catch_up == CatchUp.NONE


@dataclass(frozen=True)
class Running:
    """A running execution, and when it has ended at the latest."""

    execution: Execution
    until: datetime
    #: Whether a stop of its node does not wait so long.
    is_interrupted: bool


@dataclass(frozen=True)
class DeploymentOutlook:
    """What a deployment would interrupt, refuse or leave without a function."""

    running: list[Running]
    #: Seconds for which a node that is stopped may wait for what runs, by the limits of now; None: for
    #: ever.
    longest_stop: float | None
    due: list[Due]
    #: Waiting executions whose parameters this code refuses, each with the reason as a sentence.
    refused: list[tuple[Execution, str]]
    #: Processes with a schedule or with waiting executions whose function is not in this code.
    orphaned: list[Process]

    @property
    def is_safe(self) -> bool:
        missed = any(due.may_be_missed for due in self.due)
        interrupted = any(running.is_interrupted for running in self.running)
        return not (interrupted or missed or self.refused or self.orphaned)


def look_ahead(minutes: float, *, wait: float = 0) -> DeploymentOutlook:
    """Wait up to `wait` seconds for runs to end, then say what a deployment would do.

    `minutes`: how far to look for what falls due; farther where a stop would wait for a run that
    may take longer.
    """
    deadline = monotonic() + wait
    while (running := _running()) and monotonic() < deadline:
        sleep(LOOK)
    now = timezone.now()
    waits = [one.until - now for one in running if not one.is_interrupted]
    return DeploymentOutlook(
        running=running,
        longest_stop=_longest_stop(),
        due=list(_due(now, max([timedelta(minutes=minutes), *waits]))),
        refused=list(_refused()),
        orphaned=_orphaned(),
    )


def _running() -> list[Running]:
    columns = (
        "process_name",
        "node",
        "started_at",
        "status",
        "process__time_limit",
        "process__timezone",
    )
    running = Execution.objects.filter(status=Status.RUNNING).select_related("process")
    graces = dict(Node.objects.reporting().values_list("name", "stop_grace"))
    return [_ending(execution, graces) for execution in running.only(*columns).order_by("pk")]


def _ending(execution: Execution, graces: dict[str, float | None]) -> Running:
    """Say when an execution ends at the latest, and whether a stop would interrupt it.

    It would where the execution is not of a reporting node: of a terminal or another cluster it is
    not known that it waits.
    """
    process, now = execution.process, timezone.now()
    limit = process.effective_time_limit if process else int(setting("DEFAULT_TIME_LIMIT"))
    until = max(now, (execution.started_at or now) + timedelta(seconds=limit + KILL_GRACE))
    grace = graces.get(execution.node, 0.0)
    is_interrupted = grace is not None and until > now + timedelta(seconds=grace)
    return Running(execution, until, is_interrupted)


def _longest_stop() -> float | None:
    """Return how many seconds a stop may take, by the time limits of now and of ordinary work.

    Where all live nodes have a grace, the longest of these. None where there is no limit.
    """
    graces = list(Node.objects.live().values_list("stop_grace", flat=True)) or [
        setting("STOP_GRACE")
    ]
    capped = [grace for grace in graces if grace is not None]
    if len(capped) == len(graces):
        return max(capped)
    ordinary = getattr(settings, "Q_CLUSTER", {}).get("timeout")
    if ordinary is None:
        return None
    longest = Process.objects.aggregate(seconds=Max("time_limit"))["seconds"] or 0
    return float(max(ordinary, longest, int(setting("DEFAULT_TIME_LIMIT"))) + KILL_GRACE)


def _due(now: datetime, span: timedelta) -> Iterator[Due]:
    processes = list(Process.objects.on_time().select_related("calendar"))
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
        if registry.find(process.function) is None and (process.pk in waiting or process.is_on_time)
    ]
