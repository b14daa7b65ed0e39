import json
import os
import subprocess
import sys
import time

import pytest

from automation import command_process, printed, registry
from automation.management_command import command_line_of
from automation.models import Execution
from automation.testing import run
from automation.tests.factories import ProcessFactory
from conftest import wait_until

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


PRINTED = ["by the command", "by Python", "in bytes: é", "by a child", "without an end"]


@pytest.fixture
def printing():
    """Run the command that prints, and let it end in a given way."""

    def start(end: str):
        command_process("print_all", end)
        return run("automation.print_all")

    yield start
    registry.unregister("automation.print_all")


def test_whatever_prints_its_lines_are_in_the_log_and_the_result(printing):
    execution = printing("well")

    lines = [(line.level, line.logger, line.message) for line in execution.log_lines.all()]
    assert execution.result == {"command": "print_all", "lines": 5, "output": PRINTED}
    assert [text for level, name, text in lines if (level, name) == ("INFO", "automation.run")] == (
        PRINTED
    )
    assert ("WARNING", "automation.run", "to stderr") in lines
    assert ("INFO", "talk", "by logging") in lines
    assert len(lines) == 7


@pytest.mark.parametrize("end", ["exit 0", "exit", "exit 256", "error 0"])
def test_what_a_shell_takes_for_success_is_one(printing, end):
    execution = printing(end)

    assert (execution.status, execution.error_message) == ("completed", "")


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("exit 3", "The command ended with exit code 3."),
        ("exit -1", "The command ended with exit code 255."),
        ("exit text", "The command ended with exit code 1. It said: no disk"),
        ("error", "CommandError: refused"),
    ],
)
def test_any_other_end_fails_the_run_and_keeps_what_was_printed(printing, end, told):
    execution = printing(end)

    assert execution.status == "failed"
    assert told in execution.error_message
    assert "without an end" in [line.message for line in execution.log_lines.all()]


@pytest.mark.django_db(transaction=True)
def test_console_shows_what_was_printed_once_and_is_given_back(manage):
    ProcessFactory(name="prints", function="probes.print_all")

    done = manage("run_process", "prints", "--json")

    assert done.returncode == 0, done.stderr
    ran = Execution.objects.get()
    assert [done.stderr.count(f"{ran}: {line}\n") for line in PRINTED] == [1] * 5, done.stderr
    assert f"INFO talk: {ran}: by logging" in done.stderr
    assert "automation.executions" not in done.stderr  # The command says how it ended.
    assert json.loads(done.stdout)["result"]["output"] == PRINTED


PRINTS_ON = "import time; [print('on', flush=True) or time.sleep(0.001) for _ in range(20_000)]"


@pytest.mark.parametrize("command", [["sleep", "30"], [sys.executable, "-c", PRINTS_ON]])
def test_child_that_is_left_behind_is_not_waited_for(command):
    lines = []
    begun = time.monotonic()

    with printed.read_lines(lambda source, line: lines.append((source, line))):
        os.write(1, b"a\r\n" + b"b" * 200_000 + b"\n\xff\n")
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: (1, "on") in lines or command[0] == "sleep")
    child.kill()
    child.wait()

    assert time.monotonic() - begun < 20
    printed_first = [line for line in lines if line != (1, "on")]
    assert (printed_first[0], printed_first[-1]) == ((1, "a"), (1, "\\xff"))
    assert sum(line.count("b") for _, line in lines) == 200_000


def test_files_that_are_closed_harm_nothing():
    lines = []

    with printed.read_lines(lambda source, line: lines.append(line)):
        print("before")  # noqa: T201
        sys.stdout.close()
        os.close(2)
    print("after")  # noqa: T201

    assert lines == ["before"]
    os.fstat(2)
