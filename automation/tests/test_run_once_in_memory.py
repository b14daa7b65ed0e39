"""A project's own tests call `qcluster` with `run_once` on a database in memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

SETTINGS = """
from behflow.tests.settings import *
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""

TESTS = """
import signal

from django.core.management import CommandError, call_command
from django.test import TestCase, TransactionTestCase
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from automation.engine.start.launch import launch
from automation.models import Execution, Node, Trigger
from automation.tests.factories import ProcessFactory
from automation.tests.probes import ordinary


class RunOnce:
    def test_what_waits_and_what_is_due_runs_here(self):
        handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
        greeting = ProcessFactory(name="greet", function="probes.greet")
        due = ProcessFactory(function="probes.greet", cron="* * * * *", timezone="UTC")
        now = timezone.now().replace(second=0, microsecond=0)
        Schedule.objects.filter(name=f"process:{due.pk}").update(next_run=now)
        launch(greeting, trigger=Trigger.MANUAL, parameters={"name": "Sara"})
        async_task(ordinary.PATH + "double", 21)
        async_task(ordinary.PATH + "write_and_double", 4, group="g", cached=60)
        async_task(ordinary.PATH + "fail")

        call_command("qcluster", run_once=True)

        self.assertEqual(set(Execution.objects.values_list("status", flat=True)), {"completed"})
        self.assertEqual(Execution.objects.count(), 2)
        self.assertEqual([t.result for t in Task.objects.filter(success=True)], [42])
        self.assertEqual(Task.objects.filter(success=False).count(), 1)
        self.assertFalse(OrmQ.objects.exists() or Node.objects.exists())
        after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
        self.assertEqual(handlers, after)

    def test_a_node_that_goes_on_is_refused_in_a_sentence(self):
        with self.assertRaisesRegex(CommandError, "in the memory of this process alone"):
            call_command("qcluster")


class InATransaction(RunOnce, TestCase):
    pass


class WithoutOne(RunOnce, TransactionTestCase):
    pass
"""


@pytest.mark.sqlite
def test_tests_of_a_project_run_what_waits_in_memory_and_leave_nothing_behind(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "in_memory.py").write_text(SETTINGS)
    (tmp_path / "test_once.py").write_text(TESTS)
    before = {path.name for path in tmp_path.iterdir()}
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"}

    done = subprocess.run(
        [sys.executable, "-m", "django", "test", "test_once", "--settings", "in_memory"],
        cwd=tmp_path,
        env={**environment, **path, "DATABASE_URL": "sqlite:///none.sqlite3"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == before
