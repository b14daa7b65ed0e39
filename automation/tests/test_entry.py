import pytest
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from automation import entry
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import Trigger
from automation.queue import messages, schedules
from automation.tests.factories import ProcessFactory

#: What rows named that an earlier release wrote.
EARLIER = {
    "automation.engine.run.runner.run_execution": entry.run_execution,
    "automation.engine.start.due.start_occurrence": entry.start_occurrence,
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


@pytest.mark.parametrize("name", EARLIER)
def test_name_in_rows_of_an_earlier_release_is_the_same_function(name):
    assert import_string(name) is EARLIER[name]


@pytest.mark.django_db
def test_schedule_row_of_an_earlier_release_is_renewed():
    process = ProcessFactory(cron="0 7 * * *")
    row = Schedule.objects.filter(name=f"process:{process.pk}")
    due = row.get().next_run
    row.update(func="automation.engine.start.due.start_occurrence")

    repairing.repair_all()

    assert (row.get().func, row.get().next_run) == (schedules.ENTRY, due)
