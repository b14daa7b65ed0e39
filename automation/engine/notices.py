"""Notices are recorded in the transaction that ends an execution; sending them is not done here."""

from automation.conf import setting
from automation.models import Execution, Kind, Notice, NoticeEvent, Status
from automation.queue.notify import NOTICE, notify


def after_failure(execution: Execution, status: Status) -> None:
    """People are to hear that an execution failed, timed out or was lost for good."""
    _record(execution, NoticeEvent(status.value))


def after_success(execution: Execution) -> None:
    """They are to hear, once, that a process works again."""
    if not setting("NOTIFY_EMAILS") or execution.kind != Kind.RUN or not execution.process_id:
        return
    last = Notice.objects.filter(process=execution.process_id).first()
    if last is not None and last.event != NoticeEvent.RECOVERED:
        _record(execution, NoticeEvent.RECOVERED, last)


def _record(execution: Execution, event: NoticeEvent, recovers: Notice | None = None) -> None:
    if not setting("NOTIFY_EMAILS"):
        return
    notice = Notice(
        event=event,
        process_id=execution.process_id,
        process_name=execution.process_name,
        execution_id=execution.pk,
        recovers=recovers,
    )
    # Of two runs that end at once, one is the recovery.
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    notify(NOTICE)
