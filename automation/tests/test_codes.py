"""What is stored is a code with data; the words are made when it is shown, in the viewer's language."""

from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone, translation

from automation.models import Execution, Pause, Process, Status, Trigger, reasons
from automation.testing import run
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing() -> Process:
    process = ProcessFactory(function="probes.write_then_raise", pause_after_failures=2)
    run(process)
    run(process)
    return process


def test_pause_by_itself_stores_no_sentence_in_any_language():
    process = ProcessFactory(function="probes.write_then_raise", pause_after_failures=1)
    with translation.override("fa"):
        run(process)

    pause = Pause.objects.get()
    assert (pause.why, pause.by_name, pause.failures) == ("", "", 1)
    with translation.override("en"):
        assert pause.why_in_words == "It failed."
        assert pause.hold.in_words == "The process paused by itself: It failed."


def test_start_that_it_skips_stores_none_either(failing):
    hold = Pause.objects.get().hold
    skipped = ExecutionFactory(
        process=failing,
        status=Status.SKIPPED,
        reason=hold.reason,
        reason_data=hold.data,
        completed_at=timezone.now(),
    )

    assert hold.data == {"why": "", "by": "", "failures": 2, "pause": Pause.objects.get().pk}
    assert skipped.reason_in_words == "The process paused by itself: It failed 2 times in a row."


def test_death_of_a_worker_is_stored_as_its_exit_code():
    told = {
        code: reasons.in_words(reasons.WORKER_DIED, {"exit_code": code}) for code in (-9, -99, 3)
    }

    assert told == {
        -9: "Its worker died (signal SIGKILL).",
        -99: "Its worker died (signal 99).",
        3: "Its worker died (exit code 3).",
    }


# Rows from before


@pytest.fixture
def old_rows(failing):
    """Rows as they were stored before, in both languages."""
    Pause.objects.update(why="It failed 3 times in a row.", failures=None)
    Pause.objects.create(process=ProcessFactory(), why="۱ بار ناموفق بود.".replace("۱", "1"))
    Pause.objects.create(process=ProcessFactory(), why="It failed.", by_name="sara")
    final = {"process": failing, "completed_at": timezone.now()}
    held = {**final, "status": Status.SKIPPED, "reason": reasons.PAUSED}
    data = {"why": "It failed 3 times in a row.", "by": "itself", "pause": 1}
    ExecutionFactory(**held, reason_data=data)
    ExecutionFactory(**held, reason_data={"why": "repairs", "by": "sara", "pause": 2})
    died = {**final, "status": Status.LOST, "reason": reasons.WORKER_DIED}
    for how in ("signal SIGKILL", "signal 99", "exit code 1", "exit code None"):
        ExecutionFactory(**died, reason_data={"how": how})
    for note in ("Applies the preview #7.", "Applies the preview #7. And more.", "by hand"):
        ExecutionFactory(process=failing, trigger=Trigger.MANUAL, note=note)


def stored() -> list:
    rows = Execution.objects.order_by("pk").values_list("reason_data", "note", "applied_preview")
    pauses = Pause.objects.order_by("pk").values_list("why", "by_name", "failures")
    return [*pauses, *rows]


def test_rows_from_before_are_mapped_and_back(old_rows):
    migration = MigrationLoader(None).disk_migrations["automation", "0012_sentences_to_codes"]
    operation: Any = migration.operations[0]
    before = stored()

    operation.code(apps, None)

    after = stored()
    assert after[:3] == [("", "", 3), ("", "", 1), ("It failed.", "sara", None)]
    assert after[5:] == [
        ({"why": "", "by": "", "failures": 3, "pause": 1}, "", None),
        ({"why": "repairs", "by": "sara", "pause": 2}, "", None),
        ({"exit_code": -9}, "", None),
        ({"exit_code": -99}, "", None),
        ({"exit_code": 1}, "", None),
        ({"exit_code": None}, "", None),
        ({}, "", 7),
        ({}, "Applies the preview #7. And more.", None),
        ({}, "by hand", None),
    ]
    operation.code(apps, None)
    assert stored() == after

    operation.reverse_code(apps, None)
    back = stored()
    assert [row[:2] for row in back[5:]] == [row[:2] for row in before[5:]]
    assert [why for why, *_ in back[:3]] == [
        "It failed 3 times in a row.",
        "It failed.",
        "It failed.",
    ]


def test_reason_of_an_ignored_time_limit_is_renamed_and_back():
    migration = MigrationLoader(None).disk_migrations["automation", "0018_time_limit_ignored"]
    operation: Any = migration.operations[0]
    ended = {"status": Status.TIMED_OUT, "completed_at": timezone.now()}
    ExecutionFactory(**ended, reason="deaf")
    ExecutionFactory(**ended)

    operation.code(apps, None)

    renamed, other = Execution.objects.order_by("pk")
    assert (renamed.reason, other.reason) == (reasons.TIME_LIMIT_IGNORED, "")
    assert renamed.reason_in_words.startswith("It did not heed its time limit")
    operation.reverse_code(apps, None)
    assert [row.reason for row in Execution.objects.order_by("pk")] == ["deaf", ""]
