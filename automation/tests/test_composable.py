from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import models
from django.db.models.functions import Now
from django.test.utils import isolate_apps
from django.utils import timezone

from automation.database import statements
from automation.database.composable import StatementError
from automation.database.plans import plans
from automation.models import Execution, LogLine, Node, Process, Trigger
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

ID, TEXT, TIME = models.BigAutoField(), models.CharField(), models.DateTimeField()


def selected(rows):
    @statements.select()
    def some_rows():
        return rows() if callable(rows) else rows

    return some_rows()


def updated(rows, **columns):
    @statements.update()
    def some_change():
        return rows, columns

    return some_change()


def deleted(rows):
    @statements.delete()
    def some_end():
        return rows

    return some_end()


def at(value):
    return Execution.objects.filter(started_at__lte=value)


@pytest.mark.parametrize(
    "rows",
    [
        lambda: at(timezone.now()),
        lambda: at(models.Value(timezone.now()) - timedelta(hours=1)),
        lambda: at(timezone.now() - timedelta(hours=1)),
        lambda: at(models.Value(timezone.now(), output_field=TIME)),
        lambda: at(models.F("created_at")).exclude(created_at__date=date(2026, 11, 25)),
        lambda: Execution.objects.filter(created_at__time__gte=time(7, 30)),
        lambda: Execution.objects.filter(created_at__year=2026),
        lambda: Execution.objects.filter(created_at__in=[timezone.now(), timezone.now()]),
        lambda: Process.objects.filter(executions__in=at(timezone.now())),
        lambda: Process.objects.filter(models.Exists(at(timezone.now()))),
        lambda: Process.objects.order_by(
            models.Case(models.When(created_at__lt=timezone.now(), then=1), default=2)
        ),
    ],
)
def test_a_constant_date_or_time_is_refused(rows):
    with pytest.raises(StatementError) as refused:
        selected(rows)

    assert str(refused.value).startswith(
        "The statement automation.tests.test_composable.selected.<locals>.some_rows is composed once"
    )
    assert "give that as a Placeholder, or let the database say Now()" in str(refused.value)


def test_a_change_has_no_constant_date_either():
    with pytest.raises(StatementError, match=r"some_change is composed once, and would have 2026-"):
        updated(Execution.objects.all(), started_at=datetime(2026, 11, 25, 7, 30, tzinfo=UTC))
    with pytest.raises(StatementError, match="some_end is composed once"):
        deleted(LogLine.objects.filter(created_at__lt=timezone.now()))


def test_a_new_row_has_no_constant_date_but_what_is_given():
    row = Execution(
        process=ProcessFactory(), process_name="x", function="probes.greet", trigger=Trigger.MANUAL
    )
    row.created_at = row.available_at = timezone.now()
    statements.insert(row)

    with pytest.raises(StatementError, match=r"The INSERT of automation\.Execution is composed"):
        statements.insert(row, started_at=models.Value(timezone.now(), output_field=TIME))


def test_the_time_of_the_database_is_its_own_each_time():
    """A length of time is as constant as it looks."""
    node = NodeFactory(seen_at=timezone.now() - timedelta(minutes=5))

    assert selected(Node.objects.filter(seen_at__gt=Now() - timedelta(minutes=10))) == [node]
    assert selected(Node.objects.filter(seen_at__gt=Now() - timedelta(minutes=1))) == []


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (lambda: Execution.objects.select_related("process"), "select_related()"),
        (lambda: Process.objects.prefetch_related("executions"), "prefetch_related()"),
        (lambda: Process.objects.values("name"), "the form of values()"),
        (lambda: Process.objects.values(), "the form of values()"),
        (lambda: Process.objects.values_list("name", flat=True), "a flat or named list"),
        (lambda: Process.objects.values_list("name", named=True), "a flat or named list"),
        (lambda: Execution.objects.dates("created_at", "day"), "a flat or named list"),
        (lambda: Process.objects.annotate(n=models.Count("executions")), "annotations"),
        (lambda: Process.objects.annotate(n=models.F("name")), "annotations"),
        (lambda: Process.objects.values_list(models.F("priority") + 1), "annotations"),
        (lambda: Process.objects.extra(select={"n": "1"}), "annotations"),
        (lambda: Process.objects.using("elsewhere"), "using('elsewhere')"),
        (lambda: ProcessFactory().executions.all(), "the object of a related manager"),
    ],
)
def test_what_a_queryset_does_besides_its_sql_is_refused(rows, what):
    with pytest.raises(StatementError) as refused:
        selected(rows)

    assert "selected.<locals>.some_rows would lose" in str(refused.value)
    assert f"{what}" in str(refused.value)


@pytest.mark.parametrize(
    "rows", [lambda: Process.objects.none(), lambda: Process.objects.filter(pk__in=[])]
)
def test_a_statement_that_cannot_have_rows_is_refused(rows):
    with pytest.raises(StatementError, match="some_rows has no rows, whatever is given"):
        selected(rows)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (lambda: LogLine.objects.order_by("pk")[:1], "the slice"),
        (lambda: LogLine.objects.order_by().union(LogLine.objects.order_by()), "the union"),
        (lambda: LogLine.objects.distinct("level"), "distinct()"),
        (lambda: LogLine.objects.annotate(n=models.F("level")), "annotations"),
    ],
)
def test_what_a_change_would_not_heed_is_refused(rows, what):
    for change in (deleted, lambda found: updated(found, level="INFO")):
        with pytest.raises(StatementError) as refused:
            change(rows())

        assert f"would lose {what}" in str(refused.value)


@isolate_apps("django.contrib.auth")
def test_a_change_of_two_tables_is_refused():
    class Parent(models.Model):  # noqa: DJ008
        name = models.TextField()

        class Meta:
            app_label = "auth"

    class Child(Parent):  # noqa: DJ008
        age = models.IntegerField()

        class Meta:
            app_label = "auth"

    with pytest.raises(StatementError, match="would lose the columns of the parent model"):
        updated(models.QuerySet(Child), name="x", age=3)


def test_what_the_sql_says_is_not_lost():
    one, two = ProcessFactory(name="one", priority=1), ProcessFactory(name="two", priority=2)
    ExecutionFactory(process=two)
    ours = Process.objects.filter(name__in=["one", "two"])

    assert selected(ours.order_by("-priority")) == [two, one]
    assert selected(ours.order_by("-priority")[1:2]) == [one]
    assert selected(ours.alias(n=models.Count("executions")).filter(n=1)) == [two]
    assert selected(ours.filter(executions__isnull=False).distinct()) == [two]
    assert selected(ours.extra(where=["priority = 1"])) == [one]
    assert selected(ours.order_by("pk").values_list("name", "priority")) == [("one", 1), ("two", 2)]
    assert selected(Execution.objects.values_list("process__name")) == [("two",)]
    either = ours.order_by().filter(priority=1).union(ours.order_by().filter(priority=2))
    assert sorted(row.name for row in selected(either)) == ["one", "two"]
    [row] = selected(ours.only("name").filter(priority=2))
    assert (row.get_deferred_fields() >= {"priority"}, row.name, row.priority) == (True, "two", 2)


def test_every_usual_statement_of_the_engine_can_be_composed():
    assert len([composed() for composed in plans.usual]) > 20
