import pytest
from django.core.management import call_command

from automation.engine.upkeep.defaults import create_default_processes
from automation.models import Process, TriggerType

pytestmark = pytest.mark.django_db


def test_migrate_created_the_main_job_with_the_rule_of_its_function():
    process = Process.objects.get(name="reschedule_remaining_tasks")

    assert process.trigger_type == TriggerType.TIME_BASED
    assert (process.cron, process.effective_cron) == ("", "30 7 * * *")
    assert (process.timezone, process.effective_timezone) == ("", "Asia/Tehran")
    assert process.is_enabled


def test_default_process_that_was_deleted_stays_deleted():
    Process.objects.all().delete()

    call_command("migrate", verbosity=0)

    assert not Process.objects.exists()
    assert create_default_processes() == []
