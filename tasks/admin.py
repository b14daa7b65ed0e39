"""Tasks in the admin, with every automatic move they saw."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.admin.lists import ListAdmin
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


class LabelledDateTime(AdminSplitDateTime):
    """Django's two inputs, each with a name of its own for who cannot see them."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        labels = (gettext("Date"), gettext("Time"))
        for widget, label in zip(context["widget"]["subwidgets"], labels, strict=True):
            widget["attrs"]["aria-label"] = label
        return context


class TaskMoveInline(admin.TabularInline):
    model = TaskMove
    fields = readonly_fields = ("moved_at", "made_by", "old_due_at", "new_due_at")
    ordering = ("-id",)
    extra = 0
    can_delete = False
    verbose_name_plural = _("Automatic moves")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskMove]:
        self.may_see_executions = request.user.has_perm("automation.view_execution")
        return super().get_queryset(request)

    @admin.display(description=_("execution"))
    def made_by(self, move: TaskMove) -> SafeString:
        if not self.may_see_executions:
            return format_html("#{}", move.execution_id)
        url = reverse("admin:automation_execution_change", args=[move.execution_id])
        return format_html('<a href="{}">#{}</a>', url, move.execution_id)

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
    readonly_fields = ("completed_at", "times_moved", "first_due_at")
    inlines = (TaskMoveInline,)
    formfield_overrides = {
        models.DateTimeField: {"form_class": SplitDateTimeField, "widget": LabelledDateTime}
    }
    fieldsets = (
        (None, {"fields": ("name", "description", "owner", "tags")}),
        (_("State"), {"fields": ("status", "priority", "completed_at")}),
        (_("Due"), {"fields": ("due_at", "keep_due_date", "first_due_at", "times_moved")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        return Task.objects.with_moves()

    @admin.display(description=_("moved"), ordering="times_moved")
    def times_moved(self, task: Task) -> int:
        return getattr(task, "times_moved", 0)

    @admin.display(description=_("first due"), ordering="first_due_at")
    def first_due_at(self, task: Task) -> str:
        first = getattr(task, "first_due_at", None)
        return localize(timezone.localtime(first)) if first else ""
