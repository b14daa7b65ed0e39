"""pause_process and resume_process."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from automation.models import Pause
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

UNCHANGED = "It was so already; nothing was changed."


@pytest.fixture
def call(capsys):
    def run(*arguments: str) -> str:
        call_command(*arguments)
        return capsys.readouterr().out.strip()

    return run


@pytest.fixture(autouse=True)
def nightly(time_machine):
    time_machine.move_to(datetime(2026, 11, 24, tzinfo=UTC), tick=False)
    return ProcessFactory(name="nightly", timezone="Europe/Paris")


def test_process_is_paused_until_a_time_of_its_zone(call, nightly):
    told = call("pause_process", "nightly", "--reason", "repairs", "--until", "2026-12-01 08:00")

    assert told == "Paused 1 process: nightly. Until Tue 2026-12-01 08:00 Europe/Paris."
    pause = Pause.objects.get()
    assert (pause.process, pause.why) == (nightly, "repairs")
    assert pause.until == datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
    assert pause.by_name.endswith("(terminal)")


def test_everything_is_paused_and_resumed(call):
    told = call("pause_process", "--all", "--reason", "moving", "--until", "2026-12-01 08:00")
    assert told == "Everything is paused. Until Tue 2026-12-01 08:00 Asia/Tehran."
    assert Pause.objects.get().process is None
    assert Pause.objects.get().until == datetime(2026, 12, 1, 4, 30, tzinfo=UTC)

    assert call("resume_process", "--all") == "Not everything is paused any more."

    assert Pause.objects.get().ended_by_name.endswith("(terminal)")
    assert call("resume_process", "--all") == UNCHANGED


def test_process_is_resumed(call):
    paused = call("pause_process", "nightly", "--reason", "x")
    assert paused == "Paused 1 process: nightly."
    assert call("pause_process", "nightly", "--reason", "y") == UNCHANGED

    assert call("resume_process", "nightly") == "Resumed 1 process: nightly."
    assert call("resume_process", "nightly") == UNCHANGED


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "--reason", "x"], "There is no process 'nobody'."),
        (["nightly", "--reason", " "], "Say why."),
        (["nightly", "--reason", "x", "--until", "soon"], "is not a date and time"),
        (["nightly", "--reason", "x", "--until", "2026-11-01 08:00"], "This end has passed."),
    ],
)
def test_pause_that_cannot_be_is_refused_with_a_sentence(arguments, told):
    with pytest.raises(CommandError, match=told) as refused:
        call_command("pause_process", *arguments)

    assert refused.value.returncode == 2
    assert not Pause.objects.exists()


@pytest.mark.parametrize("arguments", [["--reason", "x"], ["nightly", "--all", "--reason", "x"]])
def test_pause_is_of_one_process_or_of_everything(arguments):
    with pytest.raises(CommandError):
        call_command("pause_process", *arguments)

    assert not Pause.objects.exists()
