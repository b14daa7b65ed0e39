"""The processes of the tasks app."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from automation import Run, process
from tasks.models import UNFINISHED, Move, Task, TaskMove, TaskMoveQuerySet, TaskStatus

# The docstring of the main job, for the translations: they are collected from calls of gettext.
gettext_noop("Move unfinished tasks of earlier days to today, at the time of day they had.")

#: Moves that the result and the log list at most; the TaskMove rows hold them all.
DETAILS = 100


def settings_reschedule_cron() -> str:
    return f"{settings.RESCHEDULE_MINUTE} {settings.RESCHEDULE_HOUR} * * *"


def move_back(run: Run, moves: TaskMoveQuerySet) -> dict[str, Any]:
    """Give the tasks of these moves the due time they had, unless they got another one since."""
    back, left = Task.objects.moves_back(moves)
    if back:
        TaskMove.objects.record(back, run.execution_id)
        Task.objects.apply_moves_of(run.execution_id)
    for move in left[:DETAILS]:
        run.log.info(
            "Task %s %r was left: deleted, or due at another time.", move.task_id, move.task_name
        )
    return {
        "success": True,
        "tasks_found": len(back) + len(left),
        "tasks_moved_back": len(back),
        "tasks_left": [{"task": m.task_id, "name": m.task_name} for m in left[:DETAILS]],
    }


@process(default_cron=settings_reschedule_cron, changes=TaskMove, preview=True, undo=move_back)
def reschedule_remaining_tasks(run: Run, *, include_in_progress: bool = True) -> dict[str, Any]:
    """Move unfinished tasks of earlier days to today, at the time of day they had."""
    statuses = UNFINISHED if include_in_progress else (TaskStatus.PENDING,)
    moves = Task.objects.filter(status__in=statuses).moves_to(run.now)
    rescheduled = 0
    if moves:
        TaskMove.objects.record(moves, run.execution_id)
        rescheduled = Task.objects.apply_moves_of(run.execution_id)
    result = {
        "success": True,
        "tasks_found": len(moves),
        "tasks_rescheduled": rescheduled,
        "execution_time": run.now.isoformat(),
        "task_details": [_details(move, run.now) for move in moves[:DETAILS]],
    }
    _log(run, result)
    return result


def _details(move: Move, now: datetime) -> dict[str, Any]:
    due_at = move.task.due_at
    return {
        "task": move.task.pk,
        "name": move.task.name,
        "owner": move.task.owner_name,
        "old_due_at": due_at.astimezone(now.tzinfo).isoformat() if due_at else None,
        "new_due_at": move.new_due_at.astimezone(now.tzinfo).isoformat(),
    }


def _log(run: Run, result: dict[str, Any]) -> None:
    run.log.info(
        "At %s: success, %s overdue tasks found, %s rescheduled.",
        result["execution_time"],
        result["tasks_found"],
        result["tasks_rescheduled"],
    )
    for details in result["task_details"]:
        run.log.debug(  # At this level they are in the log of the execution, but not on the console.
            "Task %(task)s %(name)r of %(owner)r: %(old_due_at)s → %(new_due_at)s", details
        )
    left_out = result["tasks_found"] - len(result["task_details"])
    if left_out:
        run.log.debug("%s more moves are in the audit rows of this run.", left_out)
