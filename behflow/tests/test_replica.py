"""A project whose router reads from a replica."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from automation.models import Execution, Status
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("options", [(), ("--preview",)], ids=["run", "preview"])
def test_process_runs_at_a_terminal_beside_a_replica(manage, test_database, options):
    test_database["DJANGO_SETTINGS_MODULE"] = "behflow.tests.replica_settings"
    TaskFactory(due_at=timezone.now() - timedelta(days=2))

    done = manage("run_process", "reschedule_remaining_tasks", "--json", *options)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == "completed"
    assert Execution.objects.get().status == Status.COMPLETED
    if options:
        assert len(told["changes"]["rows"]) == 1
