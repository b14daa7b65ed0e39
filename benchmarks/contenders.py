"""What is compared: how each is started, fed, and asked whether it has recorded everything."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent / "project"


@dataclass
class Contender:
    name: str
    #: Words of the command that works, after `python`.
    command: list[str]
    #: Python that queues one job, that queues N of them, and that counts what is recorded as done.
    enqueue: str
    enqueue_many: str
    done: str
    #: Python that adds SCHEDULES by which a job starts each minute; "" where that takes another
    #: program.
    each_minute: str = ""
    setup: str = ""

    def run(self, code: str, env: dict[str, str]) -> str:
        """Run Python in the project; return what it printed."""
        full = f"import django; django.setup()\n{self.setup}\n{code}"
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", full],
            env=env,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    def start(self, env: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, *self.command],
            env=env,
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if not os.environ.get("SHOW") else None,
            start_new_session=True,
        )


_Q2 = {
    "command": ["-m", "django", "qcluster"],
    "setup": "from django_q.tasks import async_task",
    "enqueue": "async_task('work.job.job')",
    "enqueue_many": "for _ in range(N): async_task('work.job.job')",
    "done": "from django_q.models import Success; print(Success.objects.count())",
    "each_minute": """
from datetime import timedelta
from django.utils import timezone
from django_q.models import Schedule
at = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
for _ in range(SCHEDULES):
    Schedule.objects.create(func="work.job.job", schedule_type="I", minutes=1, next_run=at)
""",
}

BEHFLOW = Contender(
    name="behflow",
    command=["-m", "django", "qcluster"],
    setup="""
from django.db import transaction
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Trigger
process, _ = Process.objects.get_or_create(
    name="job", function="work.job", trigger_type="manual", max_concurrency=1000,
    overlap_policy="wait")
""",
    enqueue="launch(process, trigger=Trigger.MANUAL)",
    enqueue_many="""
for start in range(0, N, 500):
    with transaction.atomic():
        for _ in range(min(500, N - start)): launch(process, trigger=Trigger.MANUAL)
""",
    done="print(Execution.objects.filter(status='completed').count())",
    each_minute="""
for _ in range(SCHEDULES):
    Process.objects.create(
        name=f"each-minute-{Process.objects.count()}", function="work.job",
        trigger_type="time_based", cron="* * * * *", timezone="UTC")
""",
)
STOCK = Contender(name="django-q2", **_Q2)  # type: ignore[arg-type]
PERSISTENT = Contender(name="django-q2, connections kept", **_Q2)  # type: ignore[arg-type]
CELERY = Contender(
    name="celery",
    command=(
        [
            "-m",
            "celery",
            "-A",
            "work.celery",
            "worker",
            "-c",
            "2",
            "-l",
            "ERROR",
            "--without-gossip",
            "--without-mingle",
        ]
    ),
    setup="from work.celery import job",
    enqueue="job.delay()",
    enqueue_many="for _ in range(N): job.delay()",
    done=(
        "from django_celery_results.models import TaskResult; "
        "print(TaskResult.objects.filter(status='SUCCESS').count())"
    ),
)
ALL: list[Contender] = [BEHFLOW, STOCK, PERSISTENT, CELERY]
