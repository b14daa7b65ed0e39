"""Deleting processes: what goes, what stays, and who did it."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from automation.admin.base import EngineAdmin
from automation.models import MaintenanceWindow, Process


class ProcessDelete(EngineAdmin):
    """The part of the process pages that deletes. Its templates say that the history stays."""

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return the processes, and the maintenance windows that name only them."""
        lacking, protected = super().get_deleted_objects(objs, request)[2:]
        processes = list(objs)
        windows = list(MaintenanceWindow.objects.of_these_alone(processes))
        counts = {str(self.opts.verbose_name_plural): len(processes)}
        if windows:
            counts[str(MaintenanceWindow._meta.verbose_name_plural)] = len(windows)
        names = [*(process.title for process in processes), *map(str, windows)]
        return names, counts, lacking, protected

    def delete_model(self, request: HttpRequest, obj: Process) -> None:
        obj._history_user = request.user  # type: ignore[attr-defined]  # simple_history's name
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete one by one, so that the change history says who did it; lock all first, by number."""
        chosen = Process.objects.filter(pk__in=queryset.values("pk"))
        for process in list(chosen.order_by("pk").lock()):
            self.delete_model(request, process)
