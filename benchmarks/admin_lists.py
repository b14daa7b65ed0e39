"""The admin's lists over a long history, beside those that stock django-q2 has for its own.

    .venv/bin/python .ci/with_postgresql.py .venv/bin/python benchmarks/admin_lists.py [--rows N]

fills a database of its own, which it deletes again. Every number is the time the server took for a
page: the median and the worst of several. It exits with 1 where one of our pages took more than
150 ms at the median.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behflow.settings")

import django

django.setup()

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import setup_test_environment
from django.utils import timezone
from django_q import models as q
from django_q.admin import TaskAdmin

from automation.admin.execution.paginator import REACH
from automation.models import Process, TriggerType

LIMIT = 150  # ms
TIMES = 7
PROCESSES = 200

#: One failure in 50, one lost run in 1,000; each 20th by hand.
EXECUTIONS = """
INSERT INTO automation_execution (process_id, process_name, function, status, reason, reason_data,
    trigger, kind, scheduled_for, occurrences, created_at, available_at, started_at, completed_at,
    requested_by_id, requested_by_name, note, parameters, result, error_message, traceback, node,
    progress_message, attempt, priority, release, cancel_requested_by_name)
SELECT process.id, process.name, process.function,
    CASE WHEN n %% 1000 = 0 THEN 'lost' WHEN n %% 50 = 0 THEN 'failed' ELSE 'completed' END,
    '', '{}', CASE WHEN n %% 20 = 0 THEN 'manual' ELSE 'schedule' END, 'run',
    CASE WHEN n %% 20 = 0 THEN NULL ELSE at END, 1, at, at, at, at + interval '2 s',
    CASE WHEN n %% 20 = 0 THEN %(boss)s END, CASE WHEN n %% 20 = 0 THEN 'boss' ELSE '' END, '',
    '{"limit": 10}', '{"success": true, "rows": [1, 2, 3]}',
    CASE WHEN n %% 50 = 0 THEN repeat('ValueError: no luck. ', 20) ELSE '' END,
    CASE WHEN n %% 50 = 0 THEN repeat('File "x.py", line 1, in f', 60) ELSE '' END, 'host:1', '',
    1, 0, '', ''
FROM (SELECT n, now() - interval '1 minute' * (%(rows)s - n) AS at
      FROM generate_series(1, %(rows)s) AS n) AS series
JOIN (SELECT id, name, function, row_number() OVER (ORDER BY id) AS place
      FROM automation_process) AS process ON process.place = 1 + n %% %(processes)s
ORDER BY n
"""

STOCK_TASKS = """
INSERT INTO django_q_task (id, name, func, hook, args, kwargs, result, "group", started, stopped,
    success, attempt_count, cluster)
SELECT md5(n::text), 'task ' || n, 'shop.processes.work', NULL, NULL, NULL, NULL,
    'process ' || n %% %(processes)s, at, at + interval '2 s', n %% 50 <> 0, 1, NULL
FROM (SELECT n, now() - interval '1 minute' * (%(rows)s - n) AS at
      FROM generate_series(1, %(rows)s) AS n) AS series
"""


def fill(rows: int) -> None:
    boss = get_user_model().objects.create_superuser("boss", password="boss")  # noqa: S106
    missing = PROCESSES - Process.objects.count()
    for number in range(missing):
        Process.objects.create(
            name=f"process-{number}",
            function="tasks.reschedule_remaining_tasks",
            trigger_type=TriggerType.TIME_BASED,
            cron=f"{number % 60} * * * *",
        )
    given = {"rows": rows, "processes": PROCESSES, "boss": boss.pk}
    with connection.cursor() as cursor:
        cursor.execute(EXECUTIONS, given)
        cursor.execute(STOCK_TASKS, given)
        cursor.execute("VACUUM ANALYZE")


def pages() -> Iterator[tuple[str, str]]:
    process = Process.objects.latest("pk")
    executions = "/admin/automation/execution/"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(id), max(id) FILTER (WHERE status = 'failed') FROM automation_execution"
        )
        newest, failed = cursor.fetchone()
    yield "list", executions
    yield "page 2", f"{executions}?p=2"
    if newest > REACH:
        yield "last page", f"{executions}?p={REACH // 50}"
    for status in ("completed", "failed", "lost", "skipped"):
        yield f"status {status}", f"{executions}?status__exact={status}"
    for trigger in ("schedule", "manual"):
        yield f"trigger {trigger}", f"{executions}?trigger__exact={trigger}"
    yield "kind preview", f"{executions}?kind__exact=preview"
    for person in ("me", "somebody", "nobody"):
        yield f"person {person}", f"{executions}?person={person}"
    yield "process", f"{executions}?process__id__exact={process.pk}"
    yield "process, failed", f"{executions}?process__id__exact={process.pk}&status__exact=failed"
    week = (timezone.now() - timedelta(days=7)).date()
    yield "past 7 days", f"{executions}?created_at__gte={week}+00%3A00%3A00%2B00%3A00"
    yield "search, number", f"{executions}?q={newest - 5}"
    yield "search, name", f"{executions}?q=process-1"
    yield "search, nothing", f"{executions}?q=nowhere"
    yield "one execution", f"{executions}{newest}/change/"
    yield "one failure", f"{executions}{failed}/change/"
    yield "processes", "/admin/automation/process/"
    yield "one process", f"/admin/automation/process/{process.pk}/change/"


def measure(call: Callable[[], None]) -> list[float]:
    """Milliseconds of each call but the first two, which warm up."""
    taken = []
    for _ in range(TIMES + 2):
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1000)
    return taken[2:]


def stock_lists() -> dict[str, list[float]]:
    """django-q2's own lists, with its own page classes."""
    request: HttpRequest = RequestFactory().get("/")
    request.user = get_user_model().objects.get(username="boss")
    request.session = {}  # type: ignore[assignment]
    found = {}
    for model in (q.Success, q.Failure):
        page = type("Stock", (TaskAdmin,), {})(model, admin.site)

        def look(page: Any = page) -> None:
            page.changelist_view(request).render()

        found[f"django-q2: {model._meta.verbose_name_plural}"] = measure(look)
    return found


def main(rows: int) -> int:
    fill(rows)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(get_user_model().objects.get(username="boss"))
    stock = stock_lists()
    base = median(next(iter(stock.values())))
    print(f"{rows:,} executions of {PROCESSES} processes; {rows:,} tasks of django-q2")
    print(f"{'page':32}{'median':>9}{'worst':>9}  of django-q2's list")
    slow = []
    for name, address in pages():
        taken = measure(partial(_get, client, address))
        print(f"{name:32}{median(taken):7.0f} ms{max(taken):6.0f} ms  {median(taken) / base:.2f}")
        if median(taken) > LIMIT:
            slow.append(name)
    for name, taken in stock.items():
        print(f"{name:32}{median(taken):7.0f} ms{max(taken):6.0f} ms  {median(taken) / base:.2f}")
    if slow:
        print(f"Over {LIMIT} ms: {', '.join(slow)}.")
    return 1 if slow else 0


def _get(client: Client, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200:
        raise SystemExit(f"{address} answered {response.status_code}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    if connection.vendor != "postgresql":
        raise SystemExit("This is about PostgreSQL: start it by .ci/with_postgresql.py.")
    settings.HTTPS = False
    setup_test_environment()
    before = str(connection.settings_dict["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        code = main(asked.rows)
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
    sys.exit(code)
