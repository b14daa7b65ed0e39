from pydoc import locate

import pytest
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from automation import entry
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import Status, Trigger
from automation.queue import messages, schedules
from automation.tests.factories import ProcessFactory

#: What rows named that an earlier release wrote.
EARLIER = {
    "automation.engine.runner.run_execution": entry.run_execution,
    "automation.engine.clock.start_occurrence": entry.start_occurrence,
}


@pytest.mark.django_db
def test_rows_name_functions_that_never_move():
    process = ProcessFactory(cron="0 7 * * *")
    launch(process, trigger=Trigger.MANUAL)

    assert Schedule.objects.get(name=f"process:{process.pk}").func == (
        "automation.entry.start_occurrence"
    )
    assert OrmQ.objects.get().func() == "automation.entry.run_execution"
    assert import_string(messages.ENTRY) is entry.run_execution
    assert import_string(schedules.ENTRY) is entry.start_occurrence


@pytest.mark.django_db
def test_message_holds_plain_data_and_no_other_place_of_a_file():
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    package = SignedPackage.loads(OrmQ.objects.get().payload)

    assert (package.pop("func"), package.pop("args")) == (messages.ENTRY, (execution.pk,))
    assert {type(value).__module__ for value in package.values()} <= {"builtins", "datetime"}
    assert "automation." not in str(package)


@pytest.mark.django_db
def test_message_of_an_earlier_release_runs_on_a_stock_cluster():
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    locate("automation.engine.runner.run_execution")(execution.pk)  # As django-q2's worker does.

    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED


@pytest.mark.parametrize("name", EARLIER)
def test_name_in_rows_of_an_earlier_release_is_the_same_function(name):
    assert import_string(name) is EARLIER[name]


@pytest.mark.django_db
def test_schedule_row_of_an_earlier_release_is_renewed():
    process = ProcessFactory(cron="0 7 * * *")
    row = Schedule.objects.filter(name=f"process:{process.pk}")
    due = row.get().next_run
    row.update(func="automation.engine.clock.start_occurrence")

    repairing.repair_all()

    assert (row.get().func, row.get().next_run) == (schedules.ENTRY, due)
