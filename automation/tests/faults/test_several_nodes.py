"""Several nodes on one database, with the same code and with different code."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule, Task

from automation.engine.start.launch import launch
from automation.models import Status, Trigger
from automation.tests.faults.truth import (
    LONG,
    assert_all_is_well,
    make_due,
    once_an_hour,
    wait_for,
)
from conftest import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.mark.parametrize("count", [2, 4])
def test_nodes_that_fire_the_same_schedules_fire_each_once(start_node, journal, count):
    rule = once_an_hour()
    processes = [journal.process(**rule) for _ in range(5)]
    first, *others = [start_node() for _ in range(count)]
    soon = timezone.now() + timedelta(seconds=2)

    with transaction.atomic():
        for number in range(5):
            Schedule.objects.create(
                name=f"own {number}",
                func="math.copysign",
                args="2, -1",
                schedule_type=Schedule.ONCE,
                next_run=soon,
            )
        due = make_due(*processes)

    for process in processes:
        of_that = process.executions.filter(scheduled_for=due)
        wait_until(of_that.filter(status=Status.COMPLETED).exists, LONG, first)
        assert of_that.count() == 1
    own = Task.objects.filter(group__startswith="own")
    wait_until(lambda: own.count() == 5, LONG, first)
    for process in processes:
        process.delete()
    assert_all_is_well(journal, first, others=tuple(others))
    assert own.count() == 5
    for one in (first, *others):
        assert "Traceback" not in one.text, one


def test_function_that_only_the_new_code_has_runs_on_the_new_node_alone(start_node, journal):
    old = start_node(TESTS_OLD_CODE="yes")
    new = start_node()
    by_hand = journal.process("work_of_new_code", overlap_policy="wait")
    on_time = journal.process("work_of_new_code", **once_an_hour())

    executions = [launch(by_hand, trigger=Trigger.MANUAL) for _ in range(5)]
    make_due(on_time)

    for execution in executions:
        assert wait_for(execution, Status.COMPLETED, why=new).node != ""
    wait_until(on_time.executions.filter(status=Status.COMPLETED).exists, LONG, new)
    assert {e.status for e in on_time.executions.all()} == {Status.COMPLETED}
    nodes = {e.node for e in [*by_hand.executions.all(), *on_time.executions.all()]}
    assert len(nodes) == 1
    on_time.delete()
    assert_all_is_well(journal, old, others=(new,))


def test_function_that_no_node_has_any_more_is_skipped_and_said(start_node, journal):
    process = journal.process("work_of_new_code")
    execution = launch(process, trigger=Trigger.MANUAL)

    old = start_node(TESTS_OLD_CODE="yes")

    skipped = wait_for(execution, Status.SKIPPED, why=old)
    assert skipped.reason == "function_gone"
    assert_all_is_well(journal, old)
