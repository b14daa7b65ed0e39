"""Concurrency groups in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.admin.base import EngineAdmin
from automation.models import ConcurrencyGroup, Execution, Process, Status


@admin.register(ConcurrencyGroup)
class ConcurrencyGroupAdmin(EngineAdmin):
    list_display = ("name", "used", "of_processes")
    search_fields = ("name",)
    fields = ("name", "max_concurrency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        running = Execution.objects.filter(status=Status.RUNNING, group_slot__isnull=False)
        groups: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = groups.annotate(
            running=_count_of(running.filter(concurrency_group=OuterRef("pk"))),
            members=_count_of(Process.objects.filter(concurrency_group=OuterRef("pk"))),
        )
        return counted

    @admin.display(description=gettext_lazy("running"), ordering="running")
    def used(self, group: Any) -> str:
        return _("%(running)s of %(limit)s") % {
            "running": group.running,
            "limit": group.max_concurrency,
        }

    @admin.display(description=gettext_lazy("processes"), ordering="members")
    def of_processes(self, group: Any) -> int:
        return int(group.members)


def _count_of(rows: QuerySet[Any]) -> Coalesce:
    """Return the number of rows of each group as a subquery: two joins would multiply each other."""
    each = rows.order_by().values("concurrency_group").annotate(count=Count("*")).values("count")
    return Coalesce(Subquery(each, output_field=IntegerField()), 0)
