"""Take back what a run changed, by a run of its own."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from automation import registry
from automation.engine.end.retrying import process_deleted
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, Status, Trigger, locking
from automation.process_function import ProcessFunction
from automation.reports.changes import rows_by
from automation.run import Run
from automation.why_not import RefusedError, WhyNot


class UndoError(RefusedError):
    """This execution cannot be undone; the text says why."""


def undo(function: ProcessFunction, run: Run) -> Any:
    """Call the function's `undo` with the change rows of the execution that `run` undoes."""
    undone, options = run.execution.undo_of, function.options
    if undone is None or options.undo is None or options.changes is None:
        told = _("What it was to undo, or the way to do so, is gone.")
        raise UndoError(WhyNot("no_undo", told))
    return options.undo(run, rows_by(options.changes, undone))


@transaction.atomic
def launch_undo(execution: Execution, **options: Any) -> Execution:
    """Launch the undoing of an execution; `options` are those of `launch`.

    Raises UndoError where there is nothing to undo, or no way to.
    """
    process = locking.lock(execution.process_id)
    execution.refresh_from_db()
    refusal = why_not_undo(execution)
    if process is None or refusal:
        raise UndoError(refusal or process_deleted())
    return launch(process, trigger=Trigger.MANUAL, kind=Kind.UNDO, undo_of=execution, **options)


def why_not_undo(execution: Execution) -> WhyNot | None:
    """Return why an execution cannot be undone; None if it can."""
    refusal = _why_never(execution)
    if refusal:
        return refusal
    undoing = Execution.objects.undoings().filter(undo_of=execution).first()
    if undoing is not None:
        told = _("%(undoing)s undid it, or is about to.")
        return WhyNot("undone_already", told % {"undoing": undoing})
    function = registry.get(execution.function)
    if function.options.changes and rows_by(function.options.changes, execution).exists():
        return None
    return WhyNot("no_changes", _("It changed nothing that could be put back."))


def why_not_apply(execution: Execution) -> WhyNot | None:
    """Return why an execution is no preview that can be run for real; None if it is."""
    if not execution.is_preview or execution.status != Status.COMPLETED:
        return WhyNot("not_a_preview", _("Only a preview that was completed can be applied."))
    return _why_not_by_its_process(execution)


def _why_not_by_its_process(execution: Execution) -> WhyNot | None:
    """Return why its process would not run the function of an execution; None if it would."""
    if execution.process is None:
        return process_deleted()
    if registry.find(execution.process.function) is not registry.find(execution.function):
        return WhyNot("function_changed", _("Its process runs another function now."))
    return None


def _why_never(execution: Execution) -> WhyNot | None:
    if execution.kind == Kind.PREVIEW:
        return WhyNot("no_run", _("It was a preview: nothing of it was kept."))
    if execution.kind == Kind.UNDO:
        told = _("It is an undoing itself: run the process again instead.")
        return WhyNot("no_run", told)
    if not execution.is_final:
        return WhyNot("not_ended", _("It has not ended yet."))
    if refusal := _why_not_by_its_process(execution):
        return refusal
    function = registry.find(execution.function)
    if function is None or function.options.undo is None:
        told = _("The function %(function)s has no undo.")
        return WhyNot("no_undo", told % {"function": execution.function})
    return None
