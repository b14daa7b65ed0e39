"""undo: put back what a run changed, by a run of its own."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from automation import registry
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, Status, Trigger, locking
from automation.registry import ProcessFunction
from automation.reports.changes import rows_by
from automation.run import Run


class UndoError(ValueError):
    """This execution cannot be undone; the text says why."""


def undo(function: ProcessFunction, run: Run) -> Any:
    """Call the function's `undo` with the change rows of the execution that `run` undoes."""
    undone, options = run.execution.undo_of, function.options
    if undone is None or options.undo is None or options.changes is None:
        raise UndoError(_("What it was to undo, or the way to do so, is gone."))
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
        raise UndoError(refusal)
    return launch(process, trigger=Trigger.MANUAL, kind=Kind.UNDO, undo_of=execution, **options)


def why_not_undo(execution: Execution) -> str:
    """The sentence that says why this execution cannot be undone; "" if it can."""
    refusal = _why_never(execution)
    if refusal:
        return refusal
    undoing = Execution.objects.undoings().filter(undo_of=execution).first()
    if undoing is not None:
        return _("%(undoing)s undid it, or is about to.") % {"undoing": undoing}
    function = registry.get(execution.function)
    if function.options.changes and rows_by(function.options.changes, execution).exists():
        return ""
    return _("It changed nothing that could be put back.")


def why_not_apply(execution: Execution) -> str:
    """The sentence that says why this execution is no preview to run for real; "" if it is."""
    if not execution.is_preview or execution.status != Status.COMPLETED:
        return _("Only a preview that was completed can be applied.")
    return _why_not_by_its_process(execution)


def _why_not_by_its_process(execution: Execution) -> str:
    """Why its process would not run the function that this execution ran; "" if it would."""
    if execution.process is None:
        return _("Its process was deleted.")
    if registry.find(execution.process.function) is not registry.find(execution.function):
        return _("Its process runs another function now.")
    return ""


def _why_never(execution: Execution) -> str:
    if execution.kind == Kind.PREVIEW:
        return _("It was a preview: nothing of it was kept.")
    if execution.kind == Kind.UNDO:
        return _("It is an undoing itself: run the process again instead.")
    if not execution.is_final:
        return _("It has not ended yet.")
    if refusal := _why_not_by_its_process(execution):
        return refusal
    function = registry.find(execution.function)
    if function is None or function.options.undo is None:
        return _("The function %(function)s has no undo.") % {"function": execution.function}
    return ""
