import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from automation.admin.execution import story
from automation.engine.end import cancelling, retrying
from automation.engine.run.runner import run_execution
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, LogLine, Status, Trigger, claiming
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db


def text_of(client: Client, execution: Execution, **query) -> str:
    return client.get(page("execution_change", execution.pk), query).text


def executed(function: str, **fields) -> Execution:
    execution = launch(ProcessFactory(function=function), trigger=Trigger.MANUAL, **fields)
    run_execution(execution.pk)
    execution.refresh_from_db()
    return execution


def test_page_tells_who_started_it_with_what_and_how_it_ended(admin_client, admin_user):
    execution = executed("probes.greet", requested_by=admin_user, note="because <b>")

    text = text_of(admin_client, execution)

    for told in (
        "Started by hand by admin.",
        "because &lt;b&gt;",
        "waited",
        "took",
        'automation-status-completed">completed',
        "probes.greet",
        "Hello world!",
        "Greeting world",
    ):
        assert told in text


def test_page_of_a_scheduled_one_tells_its_local_time_and_the_repetitions(admin_client):
    process = ProcessFactory(timezone="Europe/Berlin")
    due = datetime(2026, 3, 1, 4, tzinfo=UTC)
    execution = ExecutionFactory(
        process=process,
        trigger=Trigger.SCHEDULE,
        status=Status.MISSED,
        reason="nothing_running",
        scheduled_for=due,
        scheduled_until=due + timedelta(days=2),
        occurrences=3,
        completed_at=timezone.now(),
    )

    text = text_of(admin_client, execution)

    assert "It was due by schedule." in text
    assert "Nothing was there to start it in time." in text
    assert ">Sun 2026-03-01 05:00 Europe/Berlin</time>" in text
    assert "and 2 more times, the last Tue 2026-03-03 05:00 Europe/Berlin" in text


def test_page_puts_the_error_first_and_folds_the_traceback_of_the_author_s_code(admin_client):
    execution = executed("probes.write_then_raise")

    text = text_of(admin_client, execution)

    assert (
        text.index("ValueError: no")
        < text.index("<summary>Traceback</summary>")
        < text.index("Course")
    )
    assert "in write_then_raise" in text
    assert "process_function.py" not in text
    assert "runner.py" not in text


def test_result_is_shown_as_facts_and_tables():
    result = {
        "success": True,
        "nothing": None,
        "rows": [{"a": 1, "b": False}, {"a": 2, "c": "x"}],
        "names": ["Sara", "Reza"],
        "nested": {"deep": [1]},
    }

    facts, tables = story.facts_and_tables(result)

    assert facts == [("success", "yes"), ("nothing", "–")]
    assert [(table.title, table.total, table.columns) for table in tables] == [
        ("rows", 2, ["a", "b", "c"]),
        ("names", 2, []),
    ]
    assert tables[0].rows == [[1, "no", "–"], [2, "–", "x"]]
    assert story.facts_and_tables(42) == ([("result", 42)], [])
    assert story.facts_and_tables([[1], [2]])[1] == []
    assert not story.is_cut(result, tables)


@pytest.mark.parametrize(
    ("result", "cells"),
    [
        ({f"task {n}": n for n in range(20_000)}, 100),
        ({f"team {n}": [n] for n in range(20_000)}, 100),
        ([{f"task {n}": 1} for n in range(2_000)], 100 * 20),
        ([{f"task {n}": 1 for n in range(2_000)}], 20),
        ([1] * 101, 100),
    ],
)
def test_result_of_any_size_is_shown_in_part_and_says_so(admin_client, result, cells):
    text = text_of(admin_client, ExecutionFactory(completed=True, result=result))

    shown = text.partition(">Result</h2>")[2].partition("<summary>JSON")[0]
    assert shown.count('<td dir="auto">') == cells
    assert "This is a part of it; the JSON is the whole." in shown


@pytest.mark.parametrize(
    "result", [0, "", [], {}, "<b>", [1, "x"], [{"a": {"b": 1}}], {"a": [[1]]}]
)
def test_page_shows_every_result_there_can_be(admin_client, result):
    execution = ExecutionFactory(completed=True, result=result)

    text = text_of(admin_client, execution)

    assert "<b>" not in text.split("<main", 1)[1]
    escaped = json.dumps(result, indent=2).replace('"', "&quot;").replace("<", "&lt;")
    assert escaped.replace(">", "&gt;") in text


def test_log_can_be_narrowed_to_a_level(admin_client):
    execution = ExecutionFactory(completed=True)
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "NOTICE")
    for number, level in enumerate(levels):
        line = LogLine(execution=execution, number=number, level=level, message=f"a {level} line")
        line.save()

    text = text_of(admin_client, execution, level="ERROR")

    assert "ERROR (2)" in text
    assert "DEBUG (6)" in text
    assert "a CRITICAL line" in text
    assert "a WARNING line" not in text
    assert "a DEBUG line" in text_of(admin_client, execution, level="<b>")


def test_page_leads_to_its_neighbours_of_the_same_process(admin_client):
    process = ProcessFactory()
    first, _, second = (
        ExecutionFactory(process=process, completed=True),
        ExecutionFactory(completed=True),
        ExecutionFactory(process=process, completed=True),
    )

    assert page("execution_change", second.pk) in text_of(admin_client, first)
    assert page("execution_change", first.pk) in text_of(admin_client, second)


def test_page_takes_a_constant_number_of_queries(admin_client, django_assert_max_num_queries):
    execution = ExecutionFactory(completed=True, result={"rows": [{"a": 1}] * 500})
    LogLine.objects.bulk_create(
        LogLine(execution=execution, number=n, level="INFO", logger="x", message=str(n))
        for n in range(300)
    )

    with django_assert_max_num_queries(11):
        text_of(admin_client, execution)


def test_page_that_follows_asks_again_only_for_what_changed(admin_client):
    execution = ExecutionFactory(running=True)
    address = page("execution_change", execution.pk)
    assert "data-follow" in admin_client.get(address).text

    first = admin_client.get(address, headers={"x-automation-fragment": "1"})
    assert "<html" not in first.text
    asked = {"x-automation-fragment": "1", "if-none-match": first["ETag"]}
    assert admin_client.get(address, headers=asked).status_code == 304

    Execution.objects.filter(pk=execution.pk).update(progress_done=3, progress_total=9)
    again = admin_client.get(address, headers=asked)
    assert again.status_code == 200
    assert '<progress value="3" max="9">' in again.text
    asked["if-none-match"] = again["ETag"]
    Execution.objects.filter(pk=execution.pk).update(progress_total=12)
    assert 'max="12"' in admin_client.get(address, headers=asked).text
    claiming.finish(execution.pk, Status.COMPLETED, token=execution.token)
    assert "data-follow" not in admin_client.get(address, headers=asked).text


@pytest.mark.parametrize("number", ["999", "x", "9" * 30, "9" * 5_000, "²", "1/../2"])
def test_execution_that_does_not_exist_leads_to_the_start_with_a_sentence(admin_client, number):
    response = admin_client.get(f"/admin/automation/execution/{number}/change/", follow=True)

    assert "doesn’t exist" in response.text
    assert admin_client.get(f"/admin/automation/execution/{number}/undo/").status_code == 404


def test_page_of_a_deleted_process_s_execution_offers_nothing_that_needs_it(admin_client):
    execution = executed("probes.greet")
    execution.process.delete()

    text = text_of(admin_client, execution)

    assert "deleted since" in text
    assert "Run again" not in text


# Apply and undo; what they do is tested with the main job


def test_apply_runs_with_the_parameters_of_the_preview(person_with):
    client = person_with("run_process", "view_execution")
    previewed = ExecutionFactory(
        process=ProcessFactory(function="probes.greet"),
        kind=Kind.PREVIEW,
        completed=True,
        parameters={"name": "Sara", "times": 2},
    )
    assert "Apply: run it for real" in text_of(client, previewed)

    response = client.post(page("execution_apply", previewed.pk), follow=True)

    applied = Execution.objects.first()
    assert response.redirect_chain == [(page("execution_change", applied.pk), 302)]
    assert (applied.kind, applied.parameters) == (Kind.RUN, previewed.parameters)
    assert (applied.note, applied.applied_preview) == ("", previewed.pk)


def test_apply_of_what_no_longer_fits_says_so(admin_client):
    previewed = ExecutionFactory(kind=Kind.PREVIEW, completed=True, parameters={"nme": 1})

    response = admin_client.post(page("execution_apply", previewed.pk), follow=True)

    assert "There is no parameter &#x27;nme&#x27;" in response.text


def test_apply_and_undo_are_refused_without_the_permission_and_by_a_link(person_with):
    execution = ExecutionFactory(completed=True)
    client = person_with("view_execution", "view_process", "change_process")

    assert client.post(page("execution_apply", execution.pk)).status_code == 403
    assert client.post(page("execution_undo", execution.pk)).status_code == 403
    assert "Run again" not in text_of(client, execution)
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "Only a preview that was completed can be applied."),
        (
            {"kind": Kind.PREVIEW, "function": "probes.tag"},
            "Its process runs another function now.",
        ),
        ({"kind": Kind.PREVIEW, "process": None}, "Its process was deleted."),
    ],
)
def test_apply_of_what_is_no_preview_of_its_process_is_refused(admin_client, fields, says):
    execution = ExecutionFactory(completed=True, **fields)
    assert "Apply: run it for real" not in text_of(admin_client, execution)

    response = admin_client.post(page("execution_apply", execution.pk), follow=True)

    assert says in response.text
    assert Execution.objects.count() == 1


def test_apply_by_a_link_is_refused(admin_client):
    previewed = ExecutionFactory(kind=Kind.PREVIEW, completed=True)

    assert admin_client.get(page("execution_apply", previewed.pk)).status_code == 403
    assert Execution.objects.count() == 1


def test_undo_page_says_why_it_cannot_be_undone(admin_client):
    execution = executed("probes.greet")

    text = admin_client.get(page("execution_undo", execution.pk)).text
    assert "This cannot be undone. The function probes.greet has no undo." in text
    admin_client.post(page("execution_undo", execution.pk))
    assert Execution.objects.count() == 1


# Cancel and retry


def test_cancel_of_what_waits_is_one_click(person_with):
    client = person_with("cancel_execution", "view_execution")
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    assert "Cancel it" in text_of(client, execution)

    text = client.post(page("execution_cancel", execution.pk), follow=True).text

    assert f"Cancelled {execution} before it began." in text
    assert 'automation-status-cancelled">cancelled' in text
    assert "by sara" in text
    assert "Cancel it" not in text


def test_cancel_of_what_runs_is_asked_for_once_more(person_with):
    client = person_with("cancel_execution", "view_execution")
    execution = ExecutionFactory(running=True, process=ProcessFactory(function="probes.greet"))
    assert "Cancel…" in text_of(client, execution)
    assert "Nothing that it wrote" in client.get(page("execution_cancel", execution.pk)).text

    text = client.post(page("execution_cancel", execution.pk), follow=True).text

    assert f"Stopping {execution}; that" in text
    assert "It is being stopped. This page follows it." in text
    execution.refresh_from_db()
    assert execution.cancel_requested_by_name == "sara"


def test_cancel_of_what_has_ended_says_so(admin_client):
    execution = ExecutionFactory(completed=True)

    text = admin_client.get(page("execution_cancel", execution.pk)).text
    assert "has ended already: completed." in text
    assert "Cancel it" not in text
    response = admin_client.post(page("execution_cancel", execution.pk), follow=True)
    assert "has ended already: completed." in response.text


def test_cancel_and_retry_are_refused_without_the_permission(person_with):
    client = person_with("view_execution")
    running, failed = ExecutionFactory(running=True), executed("probes.write_then_raise")

    assert client.post(page("execution_cancel", running.pk)).status_code == 403
    assert client.post(page("execution_retry", failed.pk)).status_code == 403
    assert "Cancel…" not in text_of(client, running)
    assert "Try again" not in text_of(client, failed)
    assert not Execution.objects.filter(cancel_requested_at__isnull=False).exists()


def test_retry_is_one_click_and_by_post_alone(person_with):
    client = person_with("run_process", "view_execution")
    failed = executed("probes.write_then_raise")
    assert "Try again" in text_of(client, failed)
    assert client.get(page("execution_retry", failed.pk)).status_code == 403

    response = client.post(page("execution_retry", failed.pk), follow=True)

    attempt = Execution.objects.first()
    assert response.redirect_chain == [(page("execution_change", attempt.pk), 302)]
    assert attempt.retry_of == failed
    assert "Tried again by sara." in response.text
    again = client.post(page("execution_retry", failed.pk), follow=True).text
    assert f"It is tried again already: {attempt}." in again


def test_page_shows_the_attempts_and_when_the_next_one_starts(
    admin_client, django_assert_max_num_queries
):
    process = ProcessFactory(max_retries=3)
    NodeFactory(functions=[process.function])
    first = ExecutionFactory(process=process, status=Status.FAILED, completed_at=timezone.now())
    second = ExecutionFactory(
        process=process,
        trigger=Trigger.RETRY,
        retry_of=first,
        attempt=2,
        available_at=timezone.now() + timedelta(hours=1),
    )

    with django_assert_max_num_queries(18):  # Four are about what the next waits for.
        text = text_of(admin_client, first)
    assert "Attempt 1 of 4" in text
    assert "The next attempt starts at" in text
    assert page("execution_change", second.pk) in text
    text = text_of(admin_client, second)
    assert "Attempt 2 of 4" in text
    assert "It starts at" in text
    assert "Tried again by itself, as its process says." in text


def test_page_shows_how_its_worker_died_its_release_and_its_priority(admin_client):
    execution = ExecutionFactory(
        status=Status.LOST,
        completed_at=timezone.now(),
        reason="worker_died",
        reason_data={"exit_code": -9},
        exit_code=-9,
        release="abc123",
        priority=5,
    )

    text = text_of(admin_client, execution)

    assert "Its worker died (signal SIGKILL)." in text
    for name, value in (("Exit code", "-9"), ("Release", "abc123"), ("Priority", "5")):
        assert name in text
        assert f">{value}<" in text


def test_start_that_was_skipped_was_asked_for_and_is_no_attempt(admin_client):
    process = ProcessFactory(max_retries=3)
    done = {"completed_at": timezone.now(), "requested_by_name": "sara"}
    skipped = ExecutionFactory(process=process, status=Status.SKIPPED, reason="disabled", **done)
    text = text_of(admin_client, skipped)
    assert "Asked for by sara; it was not started." in text
    assert "Started by hand" not in text

    again = retrying.retry(skipped, requested_by_name="omid")

    assert again.attempt == 1
    text = text_of(admin_client, skipped)
    assert "<h2>Attempts</h2>" in text
    assert "<td>–</td>" in text
    assert "Attempt 1 of 4" in text_of(admin_client, again)
    cancelling.cancel(again)
    again.refresh_from_db()
    told = "Another attempt, asked for by omid; it was not started."
    assert told in text_of(admin_client, again)


@pytest.mark.parametrize(
    ("occurrences", "told"), [(2, "and 1 more time, "), (3, "and 2 more times, the last ")]
)
def test_row_that_stands_for_several_times_says_how_many(admin_client, occurrences, told):
    now = timezone.now()
    row = ExecutionFactory(
        trigger=Trigger.SCHEDULE,
        status=Status.MISSED,
        scheduled_for=now - timedelta(hours=3),
        scheduled_until=now,
        occurrences=occurrences,
        completed_at=now,
    )

    assert told in text_of(admin_client, row)
