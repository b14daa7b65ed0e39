"""All attempts at one piece of work: an execution, what it is a retry of, and its retries."""

from django.db import connection

from automation.models.execution import Execution

#: Finds the first attempt upwards, then all of them downwards, each by an index.
_ATTEMPTS = """
WITH RECURSIVE earlier (id, retry_of_id) AS (
    SELECT id, retry_of_id FROM {table} WHERE id = %s
    UNION
    SELECT e.id, e.retry_of_id FROM {table} e JOIN earlier ON e.id = earlier.retry_of_id
), attempt (id) AS (
    SELECT id FROM earlier WHERE retry_of_id IS NULL
    UNION
    SELECT e.id FROM {table} e JOIN attempt ON e.retry_of_id = attempt.id
)
SELECT id FROM attempt ORDER BY id
"""


def attempts_of(execution: Execution) -> list[Execution]:
    """Return all attempts, oldest first, with the columns that a table of them shows.

    In two statements, however many they are.
    """
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(Execution._meta.db_table)
        cursor.execute(_ATTEMPTS.format(table=table), [execution.pk])
        numbers = [number for (number,) in cursor.fetchall()]
    columns = (
        "attempt",
        "status",
        "trigger",
        "function",
        "reason",
        "reason_data",
        "process_name",
        "requested_by_name",
    )
    times = ("available_at", "started_at", "completed_at")
    return list(Execution.objects.filter(pk__in=numbers).only(*columns, *times).order_by("pk"))
