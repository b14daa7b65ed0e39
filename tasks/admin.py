"""Tasks in the admin, with all their automatic moves."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation import instants
from automation.admin.base import ListAdmin
from automation.admin.execution.paginator import EstimatingPaginator
from automation.form_fields import SplitDateTimeField
from tasks.models import Task, TaskMove, TaskQuerySet


class DueFilter(admin.SimpleListFilter):
    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("overdue", _("overdue, before today")), ("today", _("today"))]

    def queryset(self, request: HttpRequest, queryset: TaskQuerySet) -> TaskQuerySet | None:  # type: ignore[override]
        now = timezone.localtime()
        if self.value() == "overdue":
            return queryset.overdue(now)
        if self.value() == "today":
            return queryset.due_on(now.date(), timezone.get_current_timezone())
        return None


class OwnerFilter(admin.RelatedFieldListFilter):
    """A filter of moves by the owner that the task has now."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext("owner")


class LabelledDateTime(AdminSplitDateTime):
    """Django's two inputs, each with a label of its own for screen readers."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        labels = (gettext("Date"), gettext("Time"))
        for widget, label in zip(context["widget"]["subwidgets"], labels, strict=True):
            widget["attrs"]["aria-label"] = label
        return context


def link_to_execution(request: HttpRequest, move: TaskMove) -> SafeString:
    """Return the number of the run that moved the task; a link for people who may see runs."""
    if not request.user.has_perm("automation.view_execution"):
        return format_html("#{}", move.execution_id)
    url = reverse("admin:automation_execution_change", args=[move.execution_id])
    return format_html('<a dir="ltr" href="{}">#{}</a>', url, move.execution_id)


class TaskMoveInline(admin.TabularInline):
    model = TaskMove
    fields = readonly_fields = ("moved_at", "made_by", "old_due_at", "new_due_at")
    to_the_second = ("moved_at",)
    ordering = ("-id",)
    extra = 0
    can_delete = False
    verbose_name_plural = _("Automatic moves")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskMove]:
        self.request = request
        return super().get_queryset(request)

    @admin.display(description=_("execution"))
    def made_by(self, move: TaskMove) -> SafeString:
        return link_to_execution(self.request, move)

    def has_add_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TaskMove | None = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(ListAdmin):
    list_display = ("name", "owner", "status", "priority", "due_at", "times_moved", "keep_due_date")
    list_filter = (DueFilter, "status", "priority", "keep_due_date", "owner")
    list_select_related = ("owner",)
    search_fields = ("name", "description", "tags", "owner__username")
    date_hierarchy = "due_at"
    readonly_fields = ("completed_at", "times_moved", "first_due_at", "all_moves")
    inlines = (TaskMoveInline,)
    formfield_overrides = {
        models.DateTimeField: {"form_class": SplitDateTimeField, "widget": LabelledDateTime}
    }
    fieldsets = (
        (None, {"fields": ("name", "description", "owner", "tags")}),
        (_("State"), {"fields": ("status", "priority", "completed_at")}),
        (
            _("Due"),
            {"fields": ("due_at", "keep_due_date", "first_due_at", "times_moved", "all_moves")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> Any:
        """Leave out the link to moves for people who may not see them."""
        sets: Any = super().get_fieldsets(request, obj)
        if obj is not None and request.user.has_perm("tasks.view_taskmove"):
            return sets
        return [
            (title, {**options, "fields": [f for f in options["fields"] if f != "all_moves"]})
            for title, options in sets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        return Task.objects.with_moves()

    @admin.display(description=_("moved"), ordering="times_moved")
    def times_moved(self, task: Task) -> int:
        return getattr(task, "times_moved", 0)

    @admin.display(description=_("all moves"))
    def all_moves(self, task: Task) -> SafeString | str:
        if task.pk is None:
            return ""
        address = f"{reverse('admin:tasks_taskmove_changelist')}?task__id__exact={task.pk}"
        return format_html('<a href="{}">{}</a>', address, gettext("List of its moves"))

    @admin.display(description=_("first due"), ordering="first_due_at")
    def first_due_at(self, task: Task) -> SafeString:
        first = getattr(task, "first_due_at", None)
        return instants.element(first, instants.to_minute(first) if first else "")


@admin.register(TaskMove)
class TaskMoveAdmin(ListAdmin):
    """All automatic moves, read-only, those of deleted tasks too."""

    list_filter = ("moved_at", ("task__owner", OwnerFilter))
    linked_lookups = ("execution__id__exact", "task__id__exact")
    to_the_second = ("moved_at",)
    search_fields = ("task_name",)
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    list_per_page = 100
    list_display_links = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = EstimatingPaginator
    fields = ("task_name", "execution_number", "moved_at", "old_due_at", "new_due_at", "kind")
    readonly_fields = ("execution_number", "kind")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TaskMove | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TaskMove | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add the owner that a task has now; a join would leave out moves of deleted tasks."""
        tasks = Task.objects.filter(pk=models.OuterRef("task_id"))
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                owner_name=models.Subquery(tasks.values("owner__username")[:1]),
                is_there=models.Exists(tasks),
            )
        )
        return rows

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        may_see_task = request.user.has_perm("tasks.view_task")

        @admin.display(description=gettext("task"))
        def task(move: Any) -> SafeString:
            if not move.is_there:
                return format_html("{} ({})", move.task_name, gettext("deleted since"))
            if not may_see_task:
                return format_html('<span dir="auto">{}</span>', move.task_name)
            url = reverse("admin:tasks_task_change", args=[move.task_id])
            return format_html('<a dir="auto" href="{}">{}</a>', url, move.task_name)

        @admin.display(description=gettext("execution"))
        def made_by(move: Any) -> SafeString:
            return link_to_execution(request, move)

        return [task, "owner", made_by, "kind", "old_due_at", "new_due_at", "moved_at"]

    @admin.display(description=_("owner"))
    def owner(self, move: Any) -> str:
        return move.owner_name or ""

    @admin.display(description=_("what"))
    def kind(self, move: TaskMove) -> str:
        return gettext("put back") if move.puts_back else gettext("moved")

    @admin.display(description=_("execution"))
    def execution_number(self, move: TaskMove) -> str:
        return f"#{move.execution_id}"
