from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django_q.models import OrmQ

from automation import registry
from automation.engine.start.launch import launch
from automation.models import Execution, Status, Trigger
from automation.parameters import ParameterError
from automation.process_function import ProcessFunction
from automation.testing import make_process, run, run_at_once
from automation.tests.written import written

pytestmark = pytest.mark.django_db


def test_function_is_run_by_its_key_with_parameters():
    execution = run("probes.greet", name="Sara")

    assert (execution.status, execution.result) == ("completed", {"greeting": "Hello Sara! "})
    assert [line.message for line in execution.log_lines.all()] == ["Greeting Sara"]


def test_process_is_run_by_its_name():
    process = make_process("probes.greet", name="hello", parameters={"name": "Reza"})

    assert run("hello").result == {"greeting": "Hello Reza! "}
    assert run(process, times=2).process == process


def test_failure_is_recorded_as_in_a_worker():
    execution = run("probes.write_then_raise")

    assert execution.status == Status.FAILED
    assert not written().exists()


def test_function_is_told_the_occurrence(monkeypatch):
    seen = []
    monkeypatch.setattr(ProcessFunction, "call", lambda self, run, _: seen.append(run))
    due = datetime(2026, 11, 22, 4, tzinfo=UTC)

    run("probes.greet", scheduled_for=due)

    assert seen[0].scheduled_for == due


def test_wrong_parameters_and_names_are_refused():
    with pytest.raises(ParameterError, match="times"):
        run("probes.greet", times="many")
    with pytest.raises(registry.ProcessNotRegisteredError, match=r"Did you mean probes\.greet"):
        run("probes.great")
    with pytest.raises(ValidationError, match="never comes due"):
        make_process("probes.greet", trigger_type="time_based", cron="0 0 31 2 *")


def test_launch_runs_on_the_spot_inside_the_block():
    process = make_process("probes.greet")

    with run_at_once():
        launch(process, trigger=Trigger.MANUAL)

    assert Execution.objects.get().status == Status.COMPLETED
    assert not OrmQ.objects.exists()


def test_button_of_the_admin_runs_on_the_spot_with_the_fixture(admin_client, processes_run_at_once):
    process = make_process("probes.greet")

    response = admin_client.post(f"/admin/automation/process/{process.pk}/run/", follow=True)

    assert "Hello world!" in response.text
