"""The page that says why a process does not run now, or did not at another instant."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.translation import gettext as _

from automation.admin.addresses import number_in
from automation.admin.base import EngineAdmin
from automation.instants import as_typed
from automation.models import Execution, Process, Status
from automation.reports.explain import explain
from automation.schedule import ScheduleError, wall_time_from

#: Characters of an instant that are read.
MAX_TYPED = 60


class ProcessExplain(EngineAdmin):
    def explain_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = Process.objects.select_related("calendar", "concurrency_group")
        process = self.or_404(chosen.filter(pk=number_in(object_id)).first())
        return self.show(
            request,
            "admin/automation/process/explain.html",
            _("Why? %(process)s") % {"process": process},
            *(process, _("Why?")),
            process=process,
            may_see_executions=request.user.has_perm("automation.view_execution"),
            **_explained(process, request.GET.get("at", "").strip()[:MAX_TYPED]),
        )


def _explained(process: Process, typed: str) -> dict[str, Any]:
    try:
        at = wall_time_from(typed, process.zone) if typed else None
    except ScheduleError as error:
        return {"typed": typed, "error": str(error)}
    # Without its zone: a time that clocks jump over stays as it was typed.
    shown = as_typed(at.replace(tzinfo=None)) if at else ""
    return {"typed": shown, "explanation": explain(process, at)}


def why_url(execution: Execution) -> str:
    """Return the address that explains why the execution waits or did not run; "" where it did run."""
    if execution.status == Status.PENDING and execution.process_id:
        return reverse("admin:automation_process_explain", args=[execution.process_id])
    is_unstarted = execution.status in {Status.SKIPPED, Status.MISSED}
    if not (is_unstarted and execution.process_id and execution.scheduled_for):
        return ""
    return explain_url(execution.process_id, execution.scheduled_for)


def explain_url(process_id: int, at: datetime) -> str:
    address = reverse("admin:automation_process_explain", args=[process_id])
    return f"{address}?{urlencode({'at': at.isoformat()})}"
