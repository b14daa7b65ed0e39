"""Switching processes on and off; the page asks first where that stops something due soon."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation import operations
from automation.admin.operating import Operating, asker, may, require
from automation.instants import to_minute
from automation.models import Execution, Process, ProcessQuerySet, Status, coming_of

#: Switching off what is due within this time asks first.
SOON = timedelta(hours=1)

_STATES = {"on", "off"}


class ProcessSwitch(Operating):
    """The part of the process pages that switches processes on and off."""

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: ProcessQuerySet) -> None:
        switched = operations.ENABLE.do(asker(request), queryset)
        self.say(request, operations.ENABLE.say(switched))

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: ProcessQuerySet) -> HttpResponse | None:
        stopped = {} if "confirmed" in request.POST else _stopped_soon(queryset)
        if stopped:
            return self._ask_to_disable(request, stopped)
        switched = operations.DISABLE.do(asker(request), queryset)
        self.say(request, operations.DISABLE.say(switched))
        return None

    def switch_view(self, request: HttpRequest, object_id: str, state: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        require(request, operations.ENABLE if state == "on" else operations.DISABLE)
        process = self.or_404(self.get_object(request, object_id) if state in _STATES else None)
        chosen = Process.objects.filter(pk=process.pk)
        asked = (self.enable if state == "on" else self.disable)(request, chosen)
        return asked or self.back_to_list(request)

    def _ask_to_disable(self, request: HttpRequest, stopped: dict[Process, str]) -> HttpResponse:
        return self.show(
            request,
            "admin/automation/process/disable.html",
            *(_("Switch off?"), _("Switch off")),
            stopped=[(process.title, why) for process, why in stopped.items()],
            chosen=request.POST.getlist(ACTION_CHECKBOX_NAME),
            is_for_all_pages=request.POST.get("select_across", "0") != "0",
            address=request.get_full_path(),
            list_address=self.list_address(request),
            may_pause=may(request, operations.PAUSE),
        )


def _stopped_soon(queryset: ProcessQuerySet) -> dict[Process, str]:
    """Return the processes that are due within SOON or have starts waiting, and what those are."""
    processes = list(queryset.filter(is_enabled=True))
    until, comings = timezone.now() + SOON, coming_of(processes)
    waiting: dict[int | None, int] = {}
    rows = Execution.objects.filter(process__in=processes, status=Status.PENDING)
    for pk in rows.filter(available_at__lte=until).values_list("process", flat=True):
        waiting[pk] = waiting.get(pk, 0) + 1
    found: dict[Process, Any] = {}
    for process in processes:
        parts, next_run = [], comings[process.pk].next_run
        if next_run is not None and next_run <= until:
            parts.append(_("due at %(time)s") % {"time": to_minute(next_run, process.zone)})
        if count := waiting.get(process.pk, 0):
            told = ngettext("%(count)s start waits", "%(count)s starts wait", count)
            parts.append(told % {"count": count})
        if parts:
            found[process] = _(", ").join(parts)
    return found
