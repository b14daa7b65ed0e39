"""Operations that start an execution: run, preview, apply, retry, undo."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from automation.engine.end import retrying
from automation.engine.end.retrying import process_deleted
from automation.engine.run import foreground
from automation.engine.run.claims import Claim
from automation.engine.start import undo
from automation.engine.start.launch import launch, make_way, why_not_preview
from automation.models import Execution, Kind, Process, Status, Trigger
from automation.operations.operation import Asker, Operation, Said, Subject
from automation.reports.workers import why_it_waits
from automation.why_not import RefusedError, WhyNot

_RUN = "automation.run_process"


@dataclass(frozen=True)
class Start(Operation[Subject, Execution]):
    """An operation whose outcome is a new execution: for the workers, or for a terminal."""

    #: Does what `act` does, but for the terminal that asks.
    act_here: Callable[..., tuple[Execution, Claim | None]] | None = None

    def do_here(
        self, who: Asker, subject: Subject, **options: Any
    ) -> tuple[Execution, Claim | None]:
        """Start it for the terminal that asks; the claim is None where it cannot run now.

        Raises RefusedError.
        """
        act = self.act_here or self.act
        found: tuple[Execution, Claim | None] = self._done(act, who, subject, options)
        return found


def _asked_by(who: Asker) -> dict[str, Any]:
    return {"requested_by": who.user, "requested_by_name": who.name}


@contextmanager
def _there() -> Iterator[None]:
    """Refuse a process that was deleted since it was looked up."""
    try:
        yield
    except Process.DoesNotExist as error:
        told = _("This process does not exist any more.")
        raise RefusedError(WhyNot("gone", told)) from error


def _run(who: Asker, process: Process, **options: Any) -> Execution:
    with _there():
        return launch(process, trigger=Trigger.MANUAL, **_asked_by(who), **options)


def _run_here(who: Asker, process: Process, **options: Any) -> tuple[Execution, Claim | None]:
    with _there():
        return foreground.start_here(process, **_asked_by(who), **options)


def _preview(who: Asker, process: Process, **options: Any) -> Execution:
    _require_preview(process)
    return _run(who, process, kind=Kind.PREVIEW, **options)


def _preview_here(who: Asker, process: Process, **options: Any) -> tuple[Execution, Claim | None]:
    _require_preview(process)
    return _run_here(who, process, kind=Kind.PREVIEW, **options)


def _require_preview(process: Process) -> None:
    if refusal := why_not_preview(process):
        raise RefusedError(refusal)


def _apply(who: Asker, execution: Execution) -> Execution:
    refusal = undo.why_not_apply(execution)
    if execution.process is None or refusal:
        raise RefusedError(refusal or process_deleted())
    asked = {"parameters": execution.parameters, "applied_preview": execution.pk}
    return _run(who, execution.process, **asked)


def _retry(who: Asker, execution: Execution) -> Execution:
    return retrying.retry(execution, **_asked_by(who))


def _retry_here(who: Asker, execution: Execution) -> tuple[Execution, Claim | None]:
    return foreground.retry_here(execution, **_asked_by(who))


def _undo(who: Asker, execution: Execution, **options: Any) -> Execution:
    return undo.launch_undo(execution, **_asked_by(who), **options)


def _undo_here(who: Asker, execution: Execution, **options: Any) -> tuple[Execution, Claim | None]:
    return foreground.undo_here(execution, **_asked_by(who), **options)


def said_of_start(execution: Execution) -> list[Said]:
    """Say that an execution is queued and when it starts, or why it was not started."""
    if execution.status == Status.SKIPPED:
        told = _("{} was not started: {}")
        return [Said(told, (execution, execution.reason_in_words), "warning")]
    if why := why_it_waits(execution):
        return [Said(_("{} is queued. {}"), (execution, why), "warning")]
    return [Said(_("{} is queued; a worker starts it as soon as one is free."), (execution,))]


#: Its subject is a process. Options: `parameters` (which override its own) and `note`.
RUN: Start[Process] = Start("run", _RUN, act=_run, act_here=_run_here, say=said_of_start)
PREVIEW = Start(
    "preview",
    _RUN,
    act=_preview,
    act_here=_preview_here,
    say=said_of_start,
    obstacle=why_not_preview,
)
#: Its subject is a preview, which is run for real with the parameters it had.
APPLY = Start("apply", _RUN, act=_apply, say=said_of_start, obstacle=undo.why_not_apply)
RETRY = Start(
    "retry",
    _RUN,
    act=_retry,
    act_here=_retry_here,
    say=said_of_start,
    obstacle=retrying.why_not_retry,
)
#: Its subject is an execution. Option: `note`.
UNDO = Start(
    "undo",
    _RUN,
    act=_undo,
    act_here=_undo_here,
    say=said_of_start,
    obstacle=undo.why_not_undo,
)


def run_each(who: Asker, processes: Iterable[Process]) -> list[Said]:
    """Run each of the processes; return what to say about each. Raises RefusedError.

    All that can start do; or none does, where the database fails in between.
    """
    chosen = list(processes)
    RUN.require(who)
    for process in chosen:
        make_way(process)
    with transaction.atomic():
        outcomes = [(process, _tried(who, process)) for process in chosen]
    return [said for process, outcome in outcomes for said in _said_of(process, outcome)]


def _tried(who: Asker, process: Process) -> Execution | RefusedError:
    try:
        return RUN.do(who, process)
    except RefusedError as error:
        return error


def _said_of(process: Process, outcome: Execution | RefusedError) -> list[Said]:
    if isinstance(outcome, Execution):
        return said_of_start(outcome)
    return [said_of_refusal(process, outcome)]


def said_of_refusal(process: Process, error: RefusedError) -> Said:
    """Say which process was not started, and why."""
    told = _("%(process)s was not started. %(error)s")
    return Said.plainly(told % {"process": process, "error": error}, "error")
