"""Whether anybody is there to run something: one answer, and everybody who speaks of the future asks it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from automation.engine.end import pausing, retrying
from automation.models import Execution, Node, Notice, NoticeEvent, Process, Status, Trigger
from automation.notifications import mail
from automation.reports.explain import explain
from automation.reports.workers import silence_of, why_it_waits, workers
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOBODY = "No worker is running since Tue 2026-11-24 09:"
HINT = "python manage.py qcluster"


@pytest.fixture
def nobody():
    """The last node stopped at 09:15 by the clock of the site."""
    at = datetime(2026, 11, 24, 5, 45, 7, tzinfo=UTC)
    return NodeFactory(functions=["probes.greet"], seen_at=at, stopped_at=at)


def start_one(**options) -> None:
    NodeFactory(functions=["probes.greet", "probes.write_then_raise"], **options)


def failed_run(**options) -> Execution:
    return ExecutionFactory(status=Status.FAILED, completed_at=timezone.now(), **options)


def test_nobody_is_there_before_the_first_node_and_somebody_after(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert workers().absence == "No worker is running, and none ever was."

    start_one()

    with django_assert_num_queries(1):
        around = workers()
    assert around.absence == around.remedy == around.absence_for("probes.greet") == ""


def test_nobody_is_there_after_the_last_node_was_seen(nobody):
    assert workers().absence == "No worker is running since Tue 2026-11-24 09:15:07."
    assert workers().absence_for("probes.greet") == (
        "No worker is running since Tue 2026-11-24 09:15:07. It starts when one does: "
        "python manage.py qcluster"
    )


def test_node_that_is_stopping_starts_nothing_more_though_it_still_reports_itself():
    node = NodeFactory(functions=["probes.greet"], stopping_at=timezone.now())
    process = ProcessFactory()
    pending = ExecutionFactory(process=process, status=Status.PENDING)
    running = ExecutionFactory(running=True, node=node.name)
    told = "The last workers are being stopped: they end what they run, and start no more."

    assert workers().absence == told
    assert why_it_waits(pending) == f"{told} It starts when one does: {HINT}"
    assert silence_of(running) == ""
    assert "is being stopped" in str(explain(process))

    start_one()

    assert workers().absence == ""


def test_occurrence_missed_while_the_last_node_was_stopping_is_named_by_that():
    begun = datetime(2026, 11, 22, 6, tzinfo=UTC)
    at = [begun + timedelta(minutes=minutes) for minutes in range(0, 60, 10)]
    # It was asked to stop at 06:20, and ran on until 06:40.
    NodeFactory(started_at=at[0], stopping_at=at[2], seen_at=at[4], stopped_at=at[4])
    NodeFactory(started_at=at[5], seen_at=at[5])

    (silence,) = Node.objects.silences(at[0], at[5])

    assert (silence.since, silence.until) == (at[2], at[5])
    assert at[3] in silence


def test_node_that_was_killed_is_missed_once_it_is_silent():
    node = NodeFactory(functions=["probes.greet"])
    Node.objects.filter(pk=node.pk).update(seen_at=timezone.now() - timedelta(seconds=61))

    assert workers().absence.startswith("No worker is running since ")


def test_node_of_another_queue_is_nobody():
    NodeFactory(cluster="mails")

    assert workers().absence == "No worker is running, and none ever was."
    assert explain(ProcessFactory()).verdict.text == "No node has ever run."


def test_function_that_no_running_worker_has_is_said(nobody):
    start_one()

    assert why_it_waits(ExecutionFactory()) == ""
    other = ExecutionFactory(process=ProcessFactory(function="probes.take_long"))
    assert "No running worker has probes.take_long in its code" in why_it_waits(other)


@pytest.mark.parametrize("asks", ["person", "policy"])
def test_retry_is_held_by_a_pause_whoever_asked_for_it(asks):
    start_one()
    process = ProcessFactory(function="probes.write_then_raise")
    who = {"requested_by_name": "sara"} if asks == "person" else {}
    retry = retrying.retry(failed_run(process=process), **who)
    assert why_it_waits(retry) == ""

    pausing.pause([process], why="repairs", by_name="omid")
    assert why_it_waits(retry) == (
        "It waits until nothing holds its process. The process was paused by omid: repairs"
    )

    pausing.resume([process])
    Process.objects.filter(pk=process.pk).update(is_enabled=False)
    retry.refresh_from_db()
    assert why_it_waits(retry) == "It waits until its process is switched on."


def test_what_a_person_starts_is_held_by_no_pause():
    start_one()
    process = ProcessFactory()
    pausing.pause([process], why="repairs")

    assert why_it_waits(ExecutionFactory(process=process)) == ""


def test_run_on_a_node_that_is_gone_is_no_run_that_goes_on(nobody):
    execution = ExecutionFactory(running=True, node=nobody.name)

    assert silence_of(execution).startswith("Its worker was last seen at Tue 2026-11-24 09:15:07")
    assert NOBODY in silence_of(execution)
    assert silence_of(ExecutionFactory(running=True, node="a terminal")) == ""


# Its faces: each says it while nobody is there, and no more once somebody is


@pytest.mark.parametrize(
    "name", ["index", "process_changelist", "process", "run", "backfill", "execution_changelist"]
)
def test_page_says_that_nobody_is_there(admin_client, nobody, name):
    process = ProcessFactory(cron="0 0 * * *")
    ExecutionFactory(process=process)
    address = {
        "index": "/admin/",
        "process": page("process_change", process.pk),
        "run": page("process_run", process.pk),
        "backfill": page("process_backfill", process.pk),
    }.get(name) or page(name)

    text = admin_client.get(address).text
    assert text.count(NOBODY) == 1
    assert HINT in text

    start_one()
    assert "No worker is running" not in admin_client.get(address).text


def test_first_page_tells_nobody_who_may_see_no_process(person_with, nobody):
    assert NOBODY not in person_with("view_taskmove").get("/admin/").text


def test_page_of_a_pending_execution_says_it_and_offers_why(admin_client, nobody):
    execution = ExecutionFactory()
    address = page("execution_change", execution.pk)

    text = admin_client.get(address).text
    assert NOBODY in text
    assert "It waits for a worker." not in text
    assert f'href="{page("process_explain", execution.process_id)}"' in text

    start_one()
    text = admin_client.get(address).text
    assert "No worker is running" not in text
    assert "It waits for a worker." in text


def test_page_of_an_attempt_promises_no_start_of_the_next(admin_client, nobody):
    first = failed_run()
    later = timezone.now() + timedelta(minutes=5)
    retry = {"retry_of": first, "trigger": Trigger.RETRY, "attempt": 2, "available_at": later}
    second = ExecutionFactory(process=first.process, **retry)

    for execution in (first, second):
        text = admin_client.get(page("execution_change", execution.pk)).text
        assert "starts at" not in text
        assert NOBODY in text


def test_start_by_hand_promises_nothing(person_with, nobody):
    client = person_with("run_process", "view_process")
    process = ProcessFactory()

    text = client.post(page("process_run", process.pk), follow=True).text

    assert f"is queued. {NOBODY}" in text
    assert "as soon as one is free" not in text


def test_many_started_from_the_list_promise_nothing(admin_client, nobody):
    chosen = [ProcessFactory().pk, ProcessFactory().pk]
    action = {"action": "run_now", "_selected_action": chosen}

    text = admin_client.post(page("process_changelist"), action, follow=True).text

    assert text.count(f"is queued. {NOBODY}") == 2


def test_backfill_promises_nothing(admin_client, nobody, time_machine):
    time_machine.move_to(datetime(2026, 11, 24, 6, tzinfo=UTC))
    process = ProcessFactory(cron="0 * * * *", timezone="UTC")
    Process.objects.filter(pk=process.pk).update(created_at=datetime(2026, 11, 1, tzinfo=UTC))
    asked = {"since": "2026-11-23T00:00", "until": "2026-11-23T02:00", "choice": "latest"}

    text = admin_client.post(page("process_backfill", process.pk), asked, follow=True).text

    assert f"1 of 1 time is queued. {NOBODY}" in text


def test_cancelling_on_a_node_that_is_gone_takes_no_few_seconds(admin_client, nobody):
    execution = ExecutionFactory(running=True, node=nobody.name)

    text = admin_client.post(page("execution_cancel", execution.pk), follow=True).text

    assert "a few seconds at most" not in text
    assert "Its worker was last seen at" in text


def test_command_that_cancels_and_the_explanation_tell_a_run_from_one_whose_node_is_gone(
    capsys, nobody
):
    execution = ExecutionFactory(running=True, node=nobody.name)

    assert NOBODY in explain(execution.process).verdict.text
    call_command("cancel_execution", str(execution.pk))

    told = f"{execution.title} be stopped. Its worker was last seen at Tue 2026-11-24 09:15:07"
    assert told in capsys.readouterr().out


def test_commands_say_it(capsys, nobody):
    ProcessFactory(name="greet", cron="0 0 * * *")

    call_command("run_process", "greet", "--queue")
    assert f"is queued. {NOBODY}" in capsys.readouterr().out
    retried = ("retry_execution", str(failed_run().pk), "--queue")
    call_command(*retried, "--json")
    assert NOBODY in json.loads(capsys.readouterr().out)["waits_for"]
    call_command("backfill", "greet", "--from", "2026-11-20", "--to", "2026-11-20")
    assert f"1 of 1 time is queued. {NOBODY}" in capsys.readouterr().out
    call_command("list_processes")
    assert NOBODY in capsys.readouterr().out
    call_command("list_processes", "--json")
    assert all(NOBODY in row["waits_for"] for row in json.loads(capsys.readouterr().out))
    call_command("preview_schedule", "--process", "greet")
    assert NOBODY in capsys.readouterr().out

    start_one()
    for command in (["list_processes"], ["preview_schedule", "--process", "greet"]):
        call_command(*command)
        assert "No worker is running" not in capsys.readouterr().out


def test_mail_promises_nothing(nobody):
    process = ProcessFactory(name="nightly", cron="0 0 * * *")
    notice = Notice(
        event=NoticeEvent.FAILED, process=process, process_name="nightly", execution_id=1
    )

    assert NOBODY in mail.about([notice]).body
    start_one()
    assert "No worker" not in mail.about([notice]).body


def test_explanation_of_a_time_to_come_says_it(nobody):
    process = ProcessFactory(cron="0 * * * *", timezone="UTC")
    to_come = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=5)

    assert NOBODY in explain(process, to_come).verdict.text
