from datetime import UTC, datetime

import pytest

from automation.engine.end.pausing import pause
from automation.models import Execution, Status, Trigger
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


@pytest.fixture
def nightly(time_machine):
    time_machine.move_to(datetime(2026, 11, 1, tzinfo=UTC), tick=False)
    process = ProcessFactory(name="nightly", timezone="Europe/Berlin", cron="30 2 * * *")
    time_machine.move_to(datetime(2026, 11, 22, tzinfo=UTC), tick=False)
    return process


def skipped(process) -> Execution:
    return ExecutionFactory(
        process=process,
        trigger=Trigger.SCHEDULE,
        status=Status.SKIPPED,
        reason="paused",
        reason_data={"by": "sara", "why": "<b>flood"},
        scheduled_for=DUE,
        completed_at=DUE,
    )


def test_page_says_what_blocks_now_by_word_and_what_to_do(admin_client, nightly):
    pause([nightly], why="<b>flood")

    text = admin_client.get(page("process_explain", nightly.pk)).text

    assert "&lt;b&gt;flood" in text
    assert "Resume it, or start it by hand" in text
    assert 'automation-step-blocks">blocks' in text
    assert 'automation-step-ok">fine' in text


def test_page_explains_the_instant_that_was_typed(admin_client, nightly):
    execution = skipped(nightly)

    text = admin_client.get(page("process_explain", nightly.pk), {"at": "2026-11-21 ۲:۳۰"}).text

    assert f"It did not run: execution #{execution.pk}, skipped." in text
    assert page("execution_change", execution.pk) in text
    assert 'value="2026-11-21 02:30"' in text


def test_page_says_what_is_wrong_with_an_instant_and_keeps_it(admin_client, nightly):
    response = admin_client.get(page("process_explain", nightly.pk), {"at": "<dawn>"})

    assert response.status_code == 200
    assert "is not a date and time" in response.text
    assert 'value="&lt;dawn&gt;"' in response.text
    assert "automation-steps" not in response.text


def test_page_is_for_those_who_may_view_processes(person_with, nightly):
    client = person_with("view_execution")

    assert client.get(page("process_explain", nightly.pk)).status_code == 403


def test_executions_are_no_links_for_those_who_may_not_view_them(person_with, nightly):
    execution = skipped(nightly)
    client = person_with("view_process")

    text = client.get(page("process_explain", nightly.pk), {"at": "2026-11-21 02:30"}).text

    assert f"#{execution.pk}" in text
    assert page("execution_change", execution.pk) not in text


def test_page_is_read_and_never_posted_to(admin_client, nightly):
    assert admin_client.post(page("process_explain", nightly.pk)).status_code == 405


@pytest.mark.parametrize("number", ["0", "9" * 30, "x", "%00"])
def test_process_that_is_not_there_has_no_page(admin_client, number):
    assert admin_client.get(f"/admin/automation/process/{number}/explain/").status_code == 404


def test_page_of_a_process_asks_why(admin_client, nightly):
    text = admin_client.get(page("process_change", nightly.pk)).text

    assert page("process_explain", nightly.pk) in text


def test_page_of_what_did_not_run_asks_why_of_when_it_was_due(admin_client, nightly):
    text = admin_client.get(page("execution_change", skipped(nightly).pk)).text

    address = f"{page('process_explain', nightly.pk)}?at=2026-11-21T01%3A30%3A00%2B00%3A00"
    assert address in text
    assert "It did not run" in admin_client.get(address).text


def test_page_of_what_ran_or_whose_process_is_gone_asks_nothing(admin_client, nightly):
    ran = ExecutionFactory(process=nightly, completed=True, scheduled_for=DUE)
    orphan = skipped(ProcessFactory())
    orphan.process.delete()

    for execution in (ran, orphan):
        assert "/explain/" not in admin_client.get(page("execution_change", execution.pk)).text


def test_page_costs_the_same_however_long_the_history_is(
    admin_client, nightly, django_assert_num_queries, django_assert_max_num_queries
):
    address = page("process_explain", nightly.pk)
    NodeFactory(functions=["probes.greet"])
    with django_assert_max_num_queries(30) as few:
        admin_client.get(address)
    for _ in range(10):
        ExecutionFactory(process=nightly, completed=True)
        ExecutionFactory(process=ProcessFactory(), running=True)
        NodeFactory()

    with django_assert_num_queries(len(few)):
        admin_client.get(address)
