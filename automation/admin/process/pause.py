"""Pausing and resuming in the admin, and what the pages of a process show of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation.admin.addresses import number_in
from automation.admin.base import EngineAdmin, names_of
from automation.engine.end import pausing
from automation.instants import name_of
from automation.limits import MAX_REASON
from automation.models import (
    MaintenanceWindow,
    Pause,
    Process,
    ProcessQuerySet,
    site_zone,
    zone_or_sites,
)
from automation.schedule import ScheduleError, once_from
from automation.why_not import RefusedError

#: The input at which a refusal is said, by its code.
_FIELDS = {"no_reason": "why", "end_passed": "until"}

#: Maintenance windows to come that a page names.
COMING = 5


class PauseForm(forms.Form):
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON,
        help_text=gettext_lazy("Each start that is skipped meanwhile names it."),
        widget=forms.TextInput(attrs={"size": 60, "dir": "auto"}),
    )
    until = forms.CharField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "dir": "ltr"}),
    )

    def __init__(self, zone: ZoneInfo, *args: Any) -> None:
        super().__init__(*args)
        self.zone = zone
        told = _("By the clock of %(zone)s. Empty: until somebody resumes it.")
        self.fields["until"].help_text = told % {"zone": name_of(zone)}

    def clean_until(self) -> datetime | None:
        text = self.cleaned_data["until"]
        try:
            return once_from(text, self.zone.key).at if text else None
        except ScheduleError as error:
            raise ValidationError(str(error)) from error


class ProcessPause(EngineAdmin):
    """The part of the process pages that pauses and resumes processes, or everything."""

    def has_pause_permission(self, request: HttpRequest) -> bool:
        codename = get_permission_codename("pause", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def pause_urls(self) -> list[URLPattern]:
        return [
            self.address("pause/", self.pause_many_view, "pause_many"),
            self.address("pause-everything/", self.pause_everything_view, "pause_everything"),
            self.address("resume-everything/", self.resume_everything_view, "resume_everything"),
            self.address("<path:object_id>/pause/", self.pause_view, "pause"),
            self.address("<path:object_id>/resume/", self.resume_view, "resume"),
        ]

    @admin.action(description=gettext_lazy("Pause…"), permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: ProcessQuerySet) -> HttpResponse:
        return self._ask(request, list(queryset), PauseForm(_zone_of(list(queryset))))

    @admin.action(description=gettext_lazy("Resume"), permissions=["pause"])
    def resume(self, request: HttpRequest, queryset: ProcessQuerySet) -> None:
        self._resume(request, list(queryset))

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._pause(request, [self._one(request, object_id)])

    def pause_many_view(self, request: HttpRequest) -> HttpResponse:
        """Pause the processes for which the list's action showed the form."""
        self._refuse_who_may_not_pause(request)
        numbers = [number_in(text) for text in request.POST.get("chosen", "").split(",")]
        chosen = list(self.get_queryset(request).filter(pk__in=numbers))
        return self._pause(request, chosen) if chosen else self._back(request, None)

    def pause_everything_view(self, request: HttpRequest) -> HttpResponse:
        return self._pause(request, None)

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        process = self._one(request, object_id)
        self._resume(request, [process])
        return self._back(request, None if "list" in request.GET else [process])

    def resume_everything_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._refuse_who_may_not_pause(request)
        self._resume(request, None)
        return self._back(request, None)

    def _refuse_who_may_not_pause(self, request: HttpRequest) -> None:
        if not self.has_pause_permission(request):
            raise PermissionDenied

    def _one(self, request: HttpRequest, object_id: str) -> Process:
        self._refuse_who_may_not_pause(request)
        process: Process = self.found(request, object_id)
        return process

    def _pause(self, request: HttpRequest, processes: list[Process] | None) -> HttpResponse:
        """Show the form, or pause as it says; `processes`: None for everything."""
        self._refuse_who_may_not_pause(request)
        form = PauseForm(_zone_of(processes), request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask(request, processes, form)
        why, until, user = form.cleaned_data["why"], form.cleaned_data["until"], request.user
        named = _titles(processes, paused=False)
        try:
            count = pausing.pause(processes, why=why, until=until, by=user)  # type: ignore[arg-type]
        except RefusedError as error:
            form.add_error(_FIELDS.get(error.why.code), str(error))
            return self._ask(request, processes, form)
        if processes is None:
            told = _("Everything is paused.")
        else:
            told = ngettext(
                "Paused %(count)s process: %(names)s.",
                "Paused %(count)s processes: %(names)s.",
                len(named),
            )
            told %= {"count": len(named), "names": names_of(named)}
        self._say(request, told if count else "")
        return self._back(request, None if "list" in request.GET else processes)

    def _resume(self, request: HttpRequest, processes: list[Process] | None) -> None:
        named = _titles(processes, paused=True)
        count = pausing.resume(processes, by=request.user)  # type: ignore[arg-type]
        told = _("Not everything is paused any more.")
        if processes is not None:
            told = ngettext(
                "Resumed %(count)s process: %(names)s.",
                "Resumed %(count)s processes: %(names)s.",
                len(named),
            )
            told %= {"count": len(named), "names": names_of(named)}
        self._say(request, told if count else "")
        for process, why in pausing.why_still_held(processes or []):
            told = _("%(process)s still does not start by itself. %(why)s")
            self.message_user(request, told % {"process": process, "why": why}, messages.WARNING)

    def _say(self, request: HttpRequest, told: str) -> None:
        if told:
            self.message_user(request, told, messages.SUCCESS)
        else:
            self.message_user(request, _("It was so already; nothing was changed."), messages.INFO)

    def _ask(
        self, request: HttpRequest, processes: list[Process] | None, form: PauseForm
    ) -> HttpResponse:
        one = processes[0] if processes and len(processes) == 1 else None
        title = _("Pause %(process)s") % {"process": one} if one else _("Pause processes")
        address = reverse("admin:automation_process_pause_many")
        if processes is None:
            title = _("Pause everything")
            address = reverse("admin:automation_process_pause_everything")
        elif one:
            address = reverse("admin:automation_process_pause", args=[one.pk])
        return self.show(
            request,
            "admin/automation/process/pause.html",
            title,
            *([one] if one else []),
            _("Pause"),
            process=one,
            processes=processes,
            chosen=",".join(str(process.pk) for process in processes or []),
            address=f"{address}?{self._way_back(request)}",
            form=form,
            holds=holds_shown(request, one),
        )

    def _way_back(self, request: HttpRequest) -> str:
        """Return the query that leads back to the list, with its filters and its page."""
        from_list = request.path == reverse("admin:automation_process_changelist")
        kept = self.get_preserved_filters(request)
        return f"list&{kept}" if from_list or "list" in request.GET else kept

    def _back(self, request: HttpRequest, processes: list[Process] | None) -> HttpResponse:
        if not self.has_view_permission(request):
            return redirect("admin:index")
        if processes and len(processes) == 1:
            return redirect("admin:automation_process_change", processes[0].pk)
        return self.back_to_list(request)


def _titles(processes: Sequence[Process] | None, *, paused: bool) -> list[str]:
    """Return the titles of the processes that have a pause of their own now, or have none."""
    chosen = processes or []
    own = Pause.objects.in_force().filter(process__in=[process.pk for process in chosen])
    held = set(own.values_list("process", flat=True))
    return [process.title for process in chosen if (process.pk in held) == paused]


def holds_shown(request: HttpRequest, process: Process | None) -> dict[str, Any]:
    """Return the pauses and windows that hold a process now or will (None: those of everything)."""
    zone = _zone_of([process] if process else None)
    windows = MaintenanceWindow.objects.of(process).filter(ends_at__gt=timezone.now())
    windows = windows.order_by("starts_at")
    may_see_windows = request.user.has_perm("automation.view_maintenancewindow")
    return {
        "zone": zone,
        "pauses": list(
            Pause.objects.of(process).in_force().order_by(F("process").asc(nulls_first=True))
        ),
        "windows": [(window, window.is_on) for window in windows[:COMING]],
        "may_see_windows": may_see_windows,
        "may_see_executions": request.user.has_perm("automation.view_execution"),
        "may_pause": request.user.has_perm("automation.pause_process"),
        "kept": "",
    }


def _zone_of(processes: Sequence[Process] | None) -> ZoneInfo:
    """Return the zone that all the processes have, else that of the site."""
    names = {process.effective_timezone for process in processes or []}
    return zone_or_sites(names.pop()) if len(names) == 1 else site_zone()
