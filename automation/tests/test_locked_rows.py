"""A function that locks the row of a process, as long as its run goes on, holds up no person."""

import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import Schedule

from automation.database import locks
from automation.engine.end import recovery
from automation.engine.end.cancelling import cancel
from automation.engine.run.claims import claim_next
from automation.engine.start.due import start_due
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import Execution, Process, Status, Trigger, reasons
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import filled_form, page
from automation.tests.races import locked_elsewhere

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

#: Seconds within which everybody has an answer; the row stays locked for longer.
SOON = 10


@pytest.fixture
def process() -> Process:
    return ProcessFactory(name="nightly", cron="30 7 * * *")


@pytest.fixture
def holder() -> Execution:
    return ExecutionFactory(process=ProcessFactory(name="long"), running=True)


def _waiting(process: Process) -> Execution:
    return launch(process, trigger=Trigger.MANUAL)


def _failed(process: Process) -> Execution:
    return ExecutionFactory(process=process, completed=True, status=Status.FAILED)


def _undoable(process: Process) -> Execution:
    Process.objects.filter(pk=process.pk).update(function="tasks.reschedule_remaining_tasks")
    process.refresh_from_db()
    execution = ExecutionFactory(process=process, completed=True)
    now = timezone.now()
    move = {"task_id": 1, "task_name": "Buy milk", "moved_at": now}
    apps.get_model("tasks.TaskMove").objects.create(
        execution_id=execution.pk, old_due_at=now - timedelta(days=1), new_due_at=now, **move
    )
    return execution


def _backfilled(process: Process) -> tuple[str, dict]:
    today = timezone.localdate()
    asked = {"since": str(today - timedelta(days=3)), "until": str(today), "choice": "latest"}
    return page("process_backfill", process.pk), asked


def _chosen(process: Process, action: str, **more: str) -> tuple[str, dict]:
    return page("process_changelist"), {"action": action, "_selected_action": process.pk, **more}


#: What a person does in the admin: the address, and what the form sends.
DOORS: dict[str, Callable[[Process], tuple[str, dict]]] = {
    "run now": lambda p: (page("process_run", p.pk), {}),
    "run several": lambda p: _chosen(p, "run_now"),
    "save": lambda p: (page("process_change", p.pk), filled_form(description="other")),
    "switch": lambda p: (page("process_switch", p.pk, "off"), {"confirmed": "yes"}),
    "disable several": lambda p: _chosen(p, "disable", confirmed="yes"),
    "delete": lambda p: (page("process_delete", p.pk), {"post": "yes"}),
    "delete several": lambda p: _chosen(p, "delete_selected", post="yes"),
    "backfill": _backfilled,
    "cancel": lambda p: (page("execution_cancel", _waiting(p).pk), {}),
    "cancel several": lambda p: (
        page("execution_changelist"),
        {"action": "cancel_chosen", "_selected_action": _waiting(p).pk},
    ),
    "retry": lambda p: (page("execution_retry", _failed(p).pk), {}),
    "undo": lambda p: (page("execution_undo", _undoable(p).pk), {}),
}


@pytest.fixture(autouse=True)
def waits_are_short(monkeypatch):
    for module in ("automation.admin.waiting", "automation.management.waiting"):
        assert import_module(module).WAIT == 1
        monkeypatch.setattr(f"{module}.WAIT", 0.2)


def test_page_says_that_the_process_is_locked_and_what_runs(admin_client, holder):
    for door, doing in DOORS.items():
        process = ProcessFactory(cron="30 7 * * *")
        address, sent = doing(process)
        before = Execution.objects.count()

        with locked_elsewhere(process):
            asked_at = time.monotonic()
            response = admin_client.post(address, sent)
            took = time.monotonic() - asked_at

        assert took < SOON, door
        assert response.status_code == 503, f"{door}: {response.text}"
        assert "This needs a process that is locked by something that goes on." in response.text
        assert holder.title in response.text
        assert page("execution_cancel", holder.pk) in response.text
        assert Execution.objects.count() == before, door
        # And afterwards it works.
        assert admin_client.post(address, sent).status_code in {200, 302}, door


def test_pausing_waits_for_no_run_at_all(admin_client, process):
    with locked_elsewhere(process):
        address = page("process_pause", process.pk)
        assert admin_client.post(address, {"why": "repairs"}).status_code == 302


def test_who_may_see_no_executions_reads_of_none(person_with, process, holder):
    client = person_with("view_process", "change_process")
    with locked_elsewhere(process):
        response = client.post(*DOORS["switch"](process))

    assert response.status_code == 503
    assert "is locked by something that goes on" in response.text
    assert holder.title not in response.text


COMMANDS: list[Callable[[Process], tuple[str, ...]]] = [
    lambda p: ("run_process", p.name),
    lambda p: ("run_process", p.name, "--queue"),
    lambda p: ("cancel_execution", str(_waiting(p).pk)),
    lambda p: ("retry_execution", str(_failed(p).pk), "--queue"),
    lambda p: ("undo_execution", str(_undoable(p).pk), "--queue"),
    lambda p: ("backfill", p.name, "--from", "2026-11-01", "--to", "2026-11-03", "--json"),
]


def test_command_says_that_the_process_is_locked_and_what_runs(holder):
    for command in COMMANDS:
        process = ProcessFactory(cron="30 7 * * *")
        words = command(process)

        with locked_elsewhere(process):
            asked_at = time.monotonic()
            with pytest.raises(CommandError) as told:
                call_command(*words)
            took = time.monotonic() - asked_at

        assert took < SOON, words
        assert "a process that is locked by something that goes on" in str(told.value), words
        assert f"likely to hold it: {holder.title} (" in str(told.value)
        assert told.value.returncode == 1


def test_run_that_locked_its_own_process_can_be_cancelled(process):
    running = ExecutionFactory(process=process, running=True)
    with locked_elsewhere(process):
        assert cancel(running, by_name="sara").cancel_requested_by_name == "sara"


def test_bulk_cancel_leaves_out_what_is_locked_and_says_so(admin_client, process, holder):
    waiting = _waiting(process)
    chosen = {"action": "cancel_chosen", "_selected_action": [waiting.pk, holder.pk]}
    with locked_elsewhere(process):
        text = admin_client.post(page("execution_changelist"), chosen, follow=True).text

    assert "Cancelled 1 of 2 executions" in text
    assert "1 still waits: its process is locked by something that goes on." in text


def test_statement_outside_a_transaction_waits_no_longer(process):
    limit = locks.waiting_for_rows_at_most(0.2)
    with locked_elsewhere(process), pytest.raises(OperationalError) as told, limit:
        Process.objects.filter(pk=process.pk).update(description="other")

    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
    assert locks.is_locked(told.value)
    assert locks.locked_model(told.value) is Process


def test_clock_and_claims_pass_over_what_is_locked(process):
    other = _waiting(ProcessFactory())
    _waiting(process)
    over = timezone.now() - timedelta(seconds=1)
    expired = ExecutionFactory(process=process, running=True, lease_until=over)
    Schedule.objects.filter(name=f"process:{process.pk}").delete()

    def look() -> tuple[list[Execution], int, int]:
        asked_at = time.monotonic()
        start_due()
        claimed = [one.execution for one in claim_next(2, node="here")]
        lost = recovery.mark_all_lost() + recovery.mark_lost_of_node("gone", reasons.NODE_DIED)
        repaired = repairing.repair([process.pk], skip_locked=True)
        assert time.monotonic() - asked_at < SOON
        return claimed, lost, len(repaired)

    with locked_elsewhere(process):
        assert look() == ([other], 0, 0)
        Execution.objects.filter(pk=expired.pk).update(node="gone")
        assert look() == ([], 0, 0)
    assert look()[1:] == (1, 1)
