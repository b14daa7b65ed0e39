import pytest

from automation import command_process, registry
from automation.management_command import command_line_of
from automation.testing import run

pytestmark = pytest.mark.django_db


def test_command_is_run_and_its_output_kept():
    execution = run("probes.check")

    assert execution.result["command"] == "check"
    assert "System check identified no issues" in execution.result["output"][0]
    assert "System check identified" in execution.log_lines.get().message


def test_error_of_a_command_fails_the_run():
    execution = run("probes.loaddata")

    assert execution.status == "failed"
    assert "No fixture named 'no-such-fixture' found" in execution.error_message


def test_command_belongs_to_the_app_that_registers_it_and_commits_as_it_goes():
    function = registry.get("probes.check")

    assert function.description == "Check the settings."
    assert not function.options.atomic
    assert (
        registry.get("probes.loaddata").description == "Run `manage.py loaddata no-such-fixture`."
    )


def test_command_line_names_arguments_and_options():
    command_process("migrate", "auth", verbosity=0)
    line = command_line_of(registry.get("automation.migrate"))
    registry.unregister("automation.migrate")

    assert line == (("migrate", "auth"), {"verbosity": 0})
    assert command_line_of(registry.get("probes.greet")) is None
