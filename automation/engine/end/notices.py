"""Record notices, those of an end in the transaction that ends; mails are sent elsewhere."""

from typing import Any

from django.db import transaction
from django.db.models import Q

from automation.conf import setting
from automation.database.listen import NOTICE, notify
from automation.models import (
    Execution,
    Kind,
    Notice,
    NoticeEvent,
    Process,
    Status,
    Trigger,
    locking,
    reasons,
)
from automation.reports.state import State, state_of, with_state


def after_failure(execution: Execution, status: Status) -> None:
    """Record a notice that an execution failed, timed out or was lost for good."""
    _record(NoticeEvent(status.value), **_of(execution))


def after_commit(execution: Execution) -> None:
    """Record a notice that a run is committed, but that what was to follow did not go well."""
    if execution.kind == Kind.RUN:
        _record(NoticeEvent.AFTER_COMMIT, **_of(execution))


def are_sent() -> bool:
    """Whether there is anybody who gets notices."""
    return bool(setting("NOTIFY_EMAILS"))


def after_success(execution: Execution) -> None:
    """Record a notice, once, that a process works again."""
    if not are_sent() or execution.kind != Kind.RUN or not execution.process_id:
        return
    last = Notice.objects.filter(process=execution.process_id).first()
    if last is None or last.event == NoticeEvent.RECOVERED:
        return
    # Where several occurrences are late, the first one that runs does not end the lateness.
    process = Process.objects.filter(pk=execution.process_id).first()
    lasts = last.event in {NoticeEvent.LATE, NoticeEvent.BROKEN}
    if not (lasts and process and state_of(process) == last.event):
        _record(NoticeEvent.RECOVERED, recovers=last, **_of(execution))


def about_silence() -> None:
    """Record a notice, once, for each process that is late, broken or was not started.

    Processes that are off or held are left out. In one statement where all is well.
    """
    if not are_sent():
        return
    missed = Q(state=State.DOWN, newest_status=Status.MISSED)
    lasts = Q(state__in=[State.LATE, State.BROKEN])
    for process in with_state(Process.objects.all()).filter(missed | lasts):
        if not _is_told(process):
            _tell(process)


@transaction.atomic
def _tell(process: Any) -> None:
    # One at a time, beside other nodes and the end of a run.
    locked = locking.lock(process.pk, skip_locked=True)
    if locked is None or _is_told(process):
        return
    if process.state == State.LATE:
        event, execution_id = NoticeEvent.LATE, _waiting(process)
    elif process.state == State.BROKEN:
        event, execution_id = NoticeEvent.BROKEN, _unreadable(process)
    else:
        event, execution_id = NoticeEvent.MISSED, process.newest_end
    columns = {"process_id": process.pk, "process_name": process.name}
    _record(event, execution_id=execution_id, process_label=process.label, **columns)


def _is_told(process: Any) -> bool:
    """Whether there is a notice already: of this lateness, or of these missed times.

    Lateness lasts until the process runs again.
    """
    notices = Notice.objects.filter(process=process.pk)
    if process.state == State.DOWN:
        return notices.filter(event=NoticeEvent.MISSED, execution=process.newest_end).exists()
    last = notices.first()
    return last is not None and last.event == process.state


def _unreadable(process: Process) -> int | None:
    """Return the row that says why the rule cannot be read; None where nothing was due yet."""
    rows = Execution.objects.filter(process=process, reason=reasons.RULE_UNREADABLE)
    return rows.order_by("-pk").values_list("pk", flat=True).first()


def _waiting(process: Process) -> int | None:
    """Return the occurrence that waits; None where it was not even queued."""
    rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE)
    waiting = rows.filter(status=Status.PENDING).order_by("available_at", "pk")
    return waiting.values_list("pk", flat=True).first()


def _of(execution: Execution) -> dict[str, Any]:
    return {
        "execution_id": execution.pk,
        "process_id": execution.process_id,
        "process_name": execution.process_name,
        "process_label": execution.process_label,
    }


def _record(event: NoticeEvent, **columns: Any) -> None:
    if not are_sent():
        return
    # Where two runs end at once, only one is the recovery.
    Notice.objects.bulk_create([Notice(event=event, **columns)], ignore_conflicts=True)
    notify(NOTICE)
