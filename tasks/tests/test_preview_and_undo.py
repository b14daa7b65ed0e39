"""The engine's previews and undo, on the main job."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from automation.engine.start.launch import PreviewError, launch
from automation.engine.start.undo import UndoError, launch_undo, why_not_undo
from automation.models import Execution, Kind, Process, Status, Trigger
from automation.reports import changes
from automation.testing import preview, run, undo
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.races import at_once
from automation.tests.written import written
from tasks.models import Task, TaskMove
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

MAIN_JOB = "reschedule_remaining_tasks"


@pytest.fixture
def overdue() -> Task:
    return TaskFactory(name="Pay", due_at=timezone.now() - timedelta(days=3))


def test_preview_shows_what_would_change_and_changes_nothing(overdue):
    execution = preview(MAIN_JOB)

    assert (execution.status, execution.kind) == (Status.COMPLETED, Kind.PREVIEW)
    assert execution.result["tasks_rescheduled"] == 1
    assert not TaskMove.objects.exists()
    assert Task.objects.get().due_at == overdue.due_at
    rows = changes.of(execution)
    assert (rows.total, rows.columns) == (1, ["task", "name", "moved", "was due", "moved to"])
    assert rows.rows[0]["task_name"] == "Pay"
    assert rows.rows[0]["old_due_at"] == overdue.due_at


def test_preview_is_shown_though_its_rows_no_longer_fit_their_model(overdue, admin_client):
    execution = preview(MAIN_JOB)
    execution.previewed["rows"][0]["moved_at"] = "in the <i>morning"
    execution.save()

    text = admin_client.get(f"/admin/automation/execution/{execution.pk}/change/").text

    assert "in the &lt;i&gt;morning" in text


def test_preview_keeps_the_first_rows_and_counts_them_all():
    due_at = timezone.now() - timedelta(days=1)
    TaskFactory.create_batch(changes.SHOWN + 1, due_at=due_at)

    rows = changes.of(preview(MAIN_JOB))

    assert (rows.total, len(rows.rows)) == (changes.SHOWN + 1, changes.SHOWN)


@pytest.mark.django_db(transaction=True)
def test_preview_rolls_back_everything_and_commits_nothing_elsewhere():
    execution = preview("probes.write_and_promise")

    assert execution.result == {"preview": True}
    assert execution.progress_message == "half way"
    assert not written().exists()

    run("probes.write_and_promise")
    assert set(written().values_list("name", flat=True)) == {"kept", "done after the commit"}


def test_preview_of_a_function_that_offers_none_is_refused():
    with pytest.raises(PreviewError, match=r"probes\.greet offers no preview"):
        preview("probes.greet")
    assert not Execution.objects.exists()


def test_preview_is_in_nobody_s_way(overdue):
    process = Process.objects.get(name=MAIN_JOB)
    waiting = launch(process, trigger=Trigger.MANUAL, kind=Kind.PREVIEW)
    real = launch(process, trigger=Trigger.MANUAL)

    assert (waiting.status, real.status) == (Status.PENDING, Status.PENDING)
    assert preview(MAIN_JOB).status == Status.COMPLETED


@pytest.mark.postgresql  # SQLite has one writer.
def test_preview_runs_beside_the_real_run(overdue):
    process = Process.objects.get(name=MAIN_JOB)
    ExecutionFactory(process=process, kind=Kind.PREVIEW, running=True)
    ExecutionFactory(process=process, running=True)

    assert preview(MAIN_JOB).status == Status.COMPLETED
    assert launch(process, trigger=Trigger.MANUAL).status == Status.SKIPPED


def test_undo_puts_back_what_still_holds_the_new_value_and_lists_the_rest(overdue):
    changed, gone = TaskFactory.create_batch(2, due_at=overdue.due_at)
    numbers = {changed.pk, gone.pk}
    moved = run(MAIN_JOB)
    Task.objects.filter(pk=changed.pk).update(due_at=timezone.now() + timedelta(days=9))
    gone.delete()

    undone = undo(moved)

    assert (undone.kind, undone.undo_of, undone.status) == (Kind.UNDO, moved, Status.COMPLETED)
    assert undone.result["tasks_moved_back"] == 1
    assert {left["task"] for left in undone.result["tasks_left"]} == numbers
    assert Task.objects.get(pk=overdue.pk).due_at == overdue.due_at
    assert list(moved.undone_by.all()) == [undone]
    assert changes.of(undone).total == 1


def test_undo_of_a_run_that_is_undone_is_refused_with_the_name_of_the_undoing(overdue):
    moved = run(MAIN_JOB)
    undone = undo(moved)

    with pytest.raises(UndoError, match=f"#{undone.pk} undid it"):
        undo(moved)
    with pytest.raises(UndoError, match="run the process again instead"):
        undo(undone)


def test_failed_undoing_leaves_the_way_open(overdue):
    moved = run(MAIN_JOB)
    ExecutionFactory(
        process=moved.process,
        kind=Kind.UNDO,
        undo_of=moved,
        status=Status.FAILED,
        completed_at=timezone.now(),
    )

    assert why_not_undo(moved) is None


def test_what_cannot_be_undone_says_why(overdue):
    nothing = run(MAIN_JOB, include_in_progress=False)
    Task.objects.all().delete()
    refused: list[tuple[Execution, str]] = [
        (run(MAIN_JOB), "changed nothing"),
        (preview(MAIN_JOB), "was a preview"),
        (run("probes.greet"), r"The function probes\.greet has no undo"),
        (ExecutionFactory(process=ProcessFactory(), running=True), "has not ended yet"),
    ]
    for execution, says in refused:
        with pytest.raises(UndoError, match=says):
            launch_undo(execution)
    nothing.process.delete()
    with pytest.raises(UndoError, match="Its process was deleted"):
        launch_undo(nothing)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_undo_by_many_at_once_lets_one_through(overdue):
    moved = run(MAIN_JOB)

    def try_to_undo() -> bool:
        try:
            return bool(launch_undo(moved))
        except UndoError:
            return False

    assert sorted(at_once(*[try_to_undo] * 4)) == [False, False, False, True]
    assert Execution.objects.undoings().count() == 1


def test_run_of_a_function_that_its_process_no_longer_runs_is_not_undone(overdue):
    moved = run(MAIN_JOB)
    Process.objects.filter(pk=moved.process_id).update(function="probes.greet")

    with pytest.raises(UndoError, match="runs another function now"):
        launch_undo(moved)


def test_preview_command_prints_the_rows_and_undo_command_takes_a_number(overdue, capsys):
    call_command("run_process", MAIN_JOB, "--preview")
    assert "Nothing was kept. A run would write 1 automatic move:" in capsys.readouterr().out
    assert not TaskMove.objects.exists()

    moved = run(MAIN_JOB)
    call_command("undo_execution", str(moved.pk), "--note", "too early")

    assert '"tasks_moved_back": 1' in capsys.readouterr().out
    assert moved.undone_by.get().note == "too early"
    with pytest.raises(CommandError, match="undid it") as refused:
        call_command("undo_execution", str(moved.pk))
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="There is no execution 99999"):
        call_command("undo_execution", "99999")


def test_undo_page_shows_the_rows_only_to_who_may_see_executions(overdue):
    address = f"/admin/automation/execution/{run(MAIN_JOB).pk}/undo/"
    operator = User.objects.create(username="sara", is_staff=True)
    client = Client()
    client.force_login(operator)
    operator.user_permissions.add(Permission.objects.get(codename="run_process"))

    blind = client.get(address).text
    operator.user_permissions.add(Permission.objects.get(codename="view_execution"))
    seeing = client.get(address).text

    assert "It wrote 1" in blind
    assert ("Pay" in blind, "Pay" in seeing) == (False, True)


def test_pages_preview_apply_and_undo(overdue, admin_client, processes_run_at_once):
    process = Process.objects.get(name=MAIN_JOB)
    ask = f"/admin/automation/process/{process.pk}/run/"

    shown = admin_client.post(ask, {"run_form": "1", "preview": "1"}, follow=True).text
    assert "Would write: 1 automatic move" in shown
    assert "Pay" in shown
    assert not TaskMove.objects.exists()

    previewed = Execution.objects.latest("pk")
    address = f"/admin/automation/execution/{previewed.pk}"
    admin_client.post(f"{address}/apply/")
    moved = Execution.objects.latest("pk")
    assert Task.objects.get().due_at != overdue.due_at

    address = f"/admin/automation/execution/{moved.pk}"
    assert "Undo…" in admin_client.get(f"{address}/change/").text
    assert "It wrote 1 automatic move." in admin_client.get(f"{address}/undo/").text
    told = admin_client.post(f"{address}/undo/", {"note": "too early"}, follow=True).text
    assert f"Undoing of execution {moved.pk}, asked for by admin." in told
    assert Task.objects.get().due_at == overdue.due_at
    assert "Undone by" in admin_client.get(f"{address}/change/").text
