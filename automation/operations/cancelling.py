"""The operation that stops an execution, or several."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.engine.end import cancelling
from automation.engine.end.cancelling import why_not_cancel
from automation.models import Execution, ExecutionQuerySet, Status
from automation.operations.operation import Asker, Operation, Said
from automation.reports.workers import silence_of


def _cancel(who: Asker, execution: Execution) -> Execution:
    return cancelling.cancel(execution, by=who.user, by_name=who.name)


def _said_of_cancelling(execution: Execution) -> list[Said]:
    told = _("Stopping %(execution)s; that takes a few seconds at most.")
    silence = silence_of(execution)
    if silence:
        told = _("It is asked for that %(execution)s be stopped. %(silence)s")
    if execution.is_final:
        told = _("Cancelled %(execution)s before it began.")
    return [Said.plainly(told % {"execution": execution.title, "silence": silence})]


def _cancel_each(who: Asker, executions: ExecutionQuerySet) -> tuple[ExecutionQuerySet, int, int]:
    chosen = executions.count()
    return executions, chosen, cancelling.cancel_each(executions, by=who.user, by_name=who.name)


def _said_of_each(outcome: tuple[ExecutionQuerySet, int, int]) -> list[Said]:
    executions, chosen, cancelled = outcome
    told = ngettext(
        "Cancelled %(cancelled)s of %(count)s execution; those that had ended stay as they are.",
        "Cancelled %(cancelled)s of %(count)s executions; those that had ended stay as they are.",
        chosen,
    )
    text = told % {"cancelled": cancelled, "count": chosen}
    said = [Said.plainly(text, "success" if cancelled else "warning")]
    if left := executions.filter(status=Status.PENDING).count():
        told = ngettext(
            "%(count)s still waits: its process is locked by something that goes on. Try again "
            "when that has ended.",
            "%(count)s still wait: their processes are locked by something that goes on. Try "
            "again when that has ended.",
            left,
        )
        said.append(Said.plainly(told % {"count": left}, "warning"))
    return said


_PERMISSION = "automation.cancel_execution"

CANCEL = Operation(
    "cancel", _PERMISSION, act=_cancel, say=_said_of_cancelling, obstacle=why_not_cancel
)
#: Its subject is a QuerySet; executions that have ended stay as they are.
CANCEL_EACH: Operation[ExecutionQuerySet, tuple[ExecutionQuerySet, int, int]] = Operation(
    "cancel_each", _PERMISSION, act=_cancel_each, say=_said_of_each
)
