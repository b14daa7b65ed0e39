import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from automation.database import statements
from automation.database.plans import plans
from automation.database.statements import Placeholder, placeholders
from automation.models import Execution, LogLine, Process, Status, Trigger, locking
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db

ID, TEXT = models.BigAutoField(), models.CharField()


@statements.select()
def named(count):
    return Process.objects.filter(name__in=placeholders("names", TEXT, count)).order_by("name")


@statements.select()
def numbers(ordering):
    return Process.objects.order_by(ordering).values_list("id", "parameters")


@statements.update()
def renamed():
    row = Process.objects.filter(pk=Placeholder("pk", ID))
    return row, {"description": Placeholder("description", TEXT), "priority": 3}


@statements.delete()
def deleted(count):
    return LogLine.objects.filter(execution__id__in=placeholders("executions", ID, count))


def test_rows_are_those_that_the_queryset_has():
    one, two = ProcessFactory(parameters={"name": "x"}), ProcessFactory()

    for names in ([one.name], [one.name, two.name], [two.name], ["nobody"]):
        fetched = named(len(names), names=names)

        expected = list(Process.objects.filter(name__in=names).order_by("name"))
        assert [row.__dict__ | {"_state": None} for row in fetched] == [
            row.__dict__ | {"_state": None} for row in expected
        ]
        assert not any(row._state.adding for row in fetched)


def test_values_are_converted_as_the_queryset_converts_them():
    process = ProcessFactory(parameters={"name": "x"})

    assert (process.pk, {"name": "x"}) in numbers("id")


def test_a_change_tells_how_many_rows_it_changed():
    process = ProcessFactory(description="before")

    assert renamed(pk=process.pk, description="it's %s") == 1
    assert renamed(pk=0, description="nobody's") == 0

    process.refresh_from_db()
    assert (process.description, process.priority) == ("it's %s", 3)


def test_delete():
    kept, *others = [ExecutionFactory() for _ in range(3)]
    LogLine.objects.bulk_create(
        LogLine(execution=e, level="INFO", logger="x", message="x") for e in (kept, *others)
    )

    assert deleted(2, executions=[e.pk for e in others]) == 2

    assert LogLine.objects.get().execution == kept


def test_insert_saves_what_save_does():
    at = datetime(2026, 11, 25, 7, 30, 0, 123456, tzinfo=UTC)
    columns = {
        "process": ProcessFactory(),
        "process_name": "x",
        "function": "probes.greet",
        "trigger": Trigger.MANUAL,
        "parameters": {"text": "سلام", "number": 1.5},
        "created_at": at,
        "available_at": at,
        "result": None,
    }
    saved, inserted = Execution(**columns), Execution(**columns)

    saved.save()
    statements.insert(inserted)

    assert not inserted._state.adding
    read = [Execution.objects.filter(pk=row.pk).values().get() for row in (saved, inserted)]
    assert read[0] | {"id": None} == read[1] | {"id": None}


def test_a_text_is_composed_once():
    composed = []

    @statements.select()
    def running(count):
        composed.append(count)
        rows = Execution.objects.filter(status=Status.RUNNING)
        return rows.filter(started_at__lte=Placeholder("now", models.DateTimeField()))[:count]

    execution = ExecutionFactory(running=True)
    for seconds, found in ((-1, []), (1, [execution])):
        assert running(5, now=execution.started_at + timedelta(seconds=seconds)) == found

    assert composed == [5]


def test_it_is_seen_by_whoever_watches_statements():
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        named(1, names=["x"])

    assert [query["sql"] for query in seen if "automation_process" in query["sql"]]


def test_the_usual_shapes_are_composed_beforehand(monkeypatch):
    monkeypatch.setattr(plans, "usual", [])
    composed = []

    @statements.select((1,), (2,))
    def some(count):
        composed.append(count)
        return Process.objects.filter(name__in=placeholders("names", TEXT, count))

    plans.compose()

    assert composed == [1, 2]
    some(2, names=["x", "y"])
    assert composed == [1, 2]


def prepared():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE 'compiled%'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.postgresql
def test_plans_are_kept_for_the_session(kept_plans):
    one = ProcessFactory(name="100%s")
    before = prepared()

    for _ in range(2):
        assert named(1, names=["100%s"]) == [one]
        assert renamed(pk=one.pk, description="it's $1 %s") == 1

    assert len(prepared() - before) == 2
    one.refresh_from_db()
    assert one.description == "it's $1 %s"


@pytest.mark.postgresql
def test_plans_are_made_anew_after_a_while(kept_plans, monkeypatch):
    named(1, names=["x"])
    session: Any = connection
    monkeypatch.setattr(session.kept_plans, "until", 0)

    with CaptureQueriesContext(connection) as seen:
        named(1, names=["x"])
        named(1, names=["x"])

    assert [query["sql"] for query in seen].count("DISCARD PLANS") == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_another_session_makes_its_own_plans(kept_plans):
    named(1, names=["x"])
    connection.close()

    assert named(1, names=["x"]) == []


@pytest.mark.postgresql
def test_a_forked_process_keeps_none(kept_plans):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, repr(plans.are_kept).encode())
        os._exit(0)
    os.wait()

    assert os.read(reader, 10) == b"False"
    assert plans.are_kept


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_usual_ones_are_planned_before_they_are_needed(kept_plans, monkeypatch):
    monkeypatch.setattr(plans, "_is_warm", False)
    plans.compose()
    connection.close()

    named(1, names=["x"])

    assert len(prepared()) > 20


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_planned_beforehand_stops_nothing(kept_plans, monkeypatch, caplog):
    monkeypatch.setattr(plans, "usual", [])
    monkeypatch.setattr(plans, "_is_warm", False)
    caplog.set_level("INFO")

    @statements.select(())
    def gone():
        return Process.objects.extra(where=["no_such_column = 1"])

    connection.close()

    assert named(1, names=["x"]) == []
    assert 'column "no_such_column" does not exist' in caplog.text


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_outside_a_transaction():
    with transaction.atomic():
        assert locking.lock(0) is None
    with pytest.raises(TransactionManagementError):
        locking.lock(0)
