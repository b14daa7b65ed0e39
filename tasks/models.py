"""Task: a person's to-do item. TaskMove: one automatic move of a task to another day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from json import dumps
from typing import Self

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from automation.instants import to_minute
from automation.models import Execution


class TaskStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    IN_PROGRESS = "in_progress", _("in progress")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")


class Priority(models.TextChoices):
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")


#: The condition of a move that takes another one back: only such a move goes to an earlier time.
PUT_BACK = models.Q(new_due_at__lt=models.F("old_due_at"))

UNFINISHED = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Move:
    """A task and the due time it moves to."""

    task: "Task"
    new_due_at: datetime


class TaskQuerySet(models.QuerySet["Task"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def due_before(self, day: date, zone: tzinfo) -> Self:
        """Tasks due on an earlier day than `day`, as days begin in `zone`.

        Where clocks go back over midnight, some due on `day` itself are among them: `Task.due_day`
        tells them apart.
        """
        # Midnight comes twice there; everything of an earlier day lies before its second pass.
        midnights = (
            datetime.combine(day, time(fold=fold), tzinfo=zone).astimezone(UTC) for fold in (0, 1)
        )
        return self.filter(due_at__lt=max(midnights))

    def due_on(self, day: date, zone: tzinfo) -> Self:
        start, end = (
            datetime.combine(each, time(), tzinfo=zone) for each in (day, day + timedelta(days=1))
        )
        return self.filter(due_at__gte=start, due_at__lt=end)

    def overdue(self, now: datetime) -> Self:
        """Unfinished tasks due before the day that `now` is in its own time zone."""
        return self.unfinished().due_before(now.date(), _zone_of(now))

    def with_moves(self) -> Self:
        """Give each task `times_moved`, and `first_due_at`: when it was due before any move.

        A move that was taken back does not count.
        """
        moves = TaskMove.objects.filter(task_id=models.OuterRef("pk"))
        step = models.Case(models.When(PUT_BACK, then=-1), default=1)
        count = moves.order_by().values("task_id").annotate(count=models.Sum(step))
        return self.annotate(
            times_moved=Coalesce(models.Subquery(count.values("count")), 0),
            first_due_at=Coalesce(
                models.Subquery(moves.order_by("pk").values("old_due_at")[:1]), "due_at"
            ),
        )

    def moves_to(self, now: datetime) -> list[Move]:
        """Lock the overdue tasks that may move; pair each with its due time on the day of `now`.

        The time of day stays as it is in the zone of `now`. Where clocks skip that time on that
        day, the task moves as far past the gap as the time lies within it; where they show the time
        twice, the first counts.
        """
        today, zone = now.date(), _zone_of(now)
        tasks = self.overdue(now).filter(keep_due_date=False).select_related("owner")
        return [
            Move(task, task.due_at_on(today, zone))
            for task in tasks.select_for_update(of=("self",)).order_by("due_at", "pk")
            if task.due_day(zone) < today
        ]

    def moves_back(self, moves: "TaskMoveQuerySet") -> tuple[list[Move], list["TaskMove"]]:
        """Lock the tasks that these moves moved; pair each with the due time it had before.

        Returns these pairs, and the moves whose tasks were deleted or got another due time since.
        """
        moved = self.filter(pk__in=moves.values("task_id")).select_for_update(of=("self",))
        tasks = {task.pk: task for task in moved.order_by("due_at", "pk")}
        back, left = [], []
        for move in moves:
            task = tasks.get(move.task_id)
            if task is not None and task.due_at == move.new_due_at:
                back.append(Move(task, move.old_due_at))
            else:
                left.append(move)
        return back, left

    def apply_moves_of(self, execution_id: int) -> int:
        """Give tasks the due times to which an execution's moves move them; return how many."""
        moves = TaskMove.objects.filter(execution_id=execution_id)
        move = moves.filter(task_id=models.OuterRef("pk")).values("new_due_at")
        return self.filter(pk__in=moves.values("task_id")).update(
            due_at=models.Subquery(move), updated_at=timezone.now()
        )


class Task(models.Model):
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        verbose_name=_("owner"),
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(
        _("status"), max_length=20, choices=TaskStatus, default=TaskStatus.PENDING
    )
    priority = models.CharField(
        _("priority"), max_length=20, choices=Priority, default=Priority.MEDIUM
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    keep_due_date = models.BooleanField(
        _("keep the due date"),
        default=False,
        help_text=_("Never move this task to another day automatically."),
    )
    tags = models.CharField(
        _("tags"), max_length=200, blank=True, help_text=_("Words, separated by commas.")
    )
    completed_at = models.DateTimeField(
        pgettext_lazy("time", "completed"), null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["due_at", "id"]
        constraints = [
            models.CheckConstraint(
                name="task_status_known", condition=models.Q(status__in=TaskStatus.values)
            ),
            models.CheckConstraint(
                name="task_priority_known", condition=models.Q(priority__in=Priority.values)
            ),
            models.CheckConstraint(
                name="task_completed_at_exactly_when_completed",
                condition=models.Q(status=TaskStatus.COMPLETED, completed_at__isnull=False)
                | (~models.Q(status=TaskStatus.COMPLETED) & models.Q(completed_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                name="task_unfinished_by_due",
                fields=["due_at"],
                condition=models.Q(status__in=UNFINISHED),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Let `completed_at` follow `status`."""
        if self.status != TaskStatus.COMPLETED:
            self.completed_at = None
        elif self.completed_at is None:
            self.completed_at = timezone.now()

    @property
    def owner_name(self) -> str:
        return (self.owner.get_full_name() or self.owner.get_username()) if self.owner else ""

    def due_day(self, zone: tzinfo) -> date:
        return self._due(zone).date()

    def due_at_on(self, day: date, zone: tzinfo) -> datetime:
        """Return the instant on `day` at the local time of day at which the task is due."""
        # Time.fold says which pass the old day's was; the new day's is the first.
        clock = self._due(zone).time().replace(fold=0)
        return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)

    def _due(self, zone: tzinfo) -> datetime:
        if self.due_at is None:
            raise ValueError(f"Task {self.pk} has no due time.")
        return self.due_at.astimezone(zone)


class TaskMoveQuerySet(models.QuerySet["TaskMove"]):
    def record(self, moves: list[Move], execution_id: int) -> int:
        """Write a row for each move, in one statement however many there are; return how many.

        `bulk_create` would need a statement for every few hundred rows on SQLite.
        """
        quote, adapt = connection.ops.quote_name, connection.ops.adapt_datetimefield_value
        table, tasks = quote(TaskMove._meta.db_table), quote(Task._meta.db_table)
        rows, task_id, new_due_at = _JSON_ROWS[connection.vendor]
        pairs = [[move.task.pk, str(adapt(move.new_due_at))] for move in moves]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} "  # noqa: S608  # names of ours only
                "(execution_id, task_id, task_name, moved_at, old_due_at, new_due_at) "
                f"SELECT %s, task.id, task.name, %s, task.due_at, {new_due_at} "
                f"FROM {rows} AS move JOIN {tasks} AS task ON task.id = {task_id} "
                "ORDER BY task.due_at, task.id",
                [execution_id, adapt(timezone.now()), dumps(pairs)],
            )
            return int(cursor.rowcount)


#: For each kind of database, SQL that reads rows from a JSON parameter [[task id, new due time], …].
_JSON_ROWS = {
    "postgresql": (
        "jsonb_array_elements(%s::jsonb)",
        "(move.value->>0)::bigint",
        "(move.value->>1)::timestamptz",
    ),
    "sqlite": (
        "json_each(%s)",
        "json_extract(move.value, '$[0]')",
        "json_extract(move.value, '$[1]')",
    ),
}


class TaskMove(models.Model):
    """One automatic move of a task by an execution.

    It outlives both: their ids, and the task's name, stay.
    """

    execution = models.ForeignKey(
        Execution,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,  # The index of the constraint begins with this column.
        related_name="+",
        verbose_name=_("execution"),
    )
    task = models.ForeignKey(
        Task, models.DO_NOTHING, db_constraint=False, related_name="moves", verbose_name=_("task")
    )
    task_name = models.CharField(_("name"), max_length=200)
    moved_at = models.DateTimeField(_("moved"))
    old_due_at = models.DateTimeField(_("was due"))
    new_due_at = models.DateTimeField(_("moved to"))

    objects = TaskMoveQuerySet.as_manager()

    class Meta:
        verbose_name = _("automatic move")
        verbose_name_plural = _("automatic moves")
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(name="task_move_once_a_run", fields=["execution", "task"]),
        ]

    def __str__(self) -> str:
        return f"{self.task_name} → {to_minute(self.new_due_at)}"

    @property
    def puts_back(self) -> bool:
        return self.new_due_at < self.old_due_at


def _zone_of(moment: datetime) -> tzinfo:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone.")
    return moment.tzinfo
