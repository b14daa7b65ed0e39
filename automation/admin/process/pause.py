"""Pausing and resuming in the admin, and what the pages of a process show of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation import operations
from automation.admin.addresses import number_in
from automation.admin.operating import Operating, asker, may, require
from automation.instants import name_of
from automation.limits import MAX_REASON
from automation.models import (
    MaintenanceWindow,
    Pause,
    Process,
    ProcessQuerySet,
    coming,
    site_zone,
    zone_or_sites,
)
from automation.schedule import ScheduleError, instant_from, once_from
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


class SkipForm(forms.Form):
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON,
        help_text=gettext_lazy("The skipped start names it."),
        widget=forms.TextInput(attrs={"size": 60, "dir": "auto"}),
    )
    #: The start that the page showed.
    at = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_at(self) -> datetime | None:
        try:
            return instant_from(self.cleaned_data["at"], "UTC") if self.cleaned_data["at"] else None
        except ScheduleError as error:
            raise ValidationError(str(error)) from error


class ProcessPause(Operating):
    """The part of the process pages that pauses and resumes processes, or everything."""

    def pause_urls(self) -> list[URLPattern]:
        return [
            self.address("pause/", self.pause_many_view, "pause_many"),
            self.address("pause-everything/", self.pause_everything_view, "pause_everything"),
            self.address("resume-everything/", self.resume_everything_view, "resume_everything"),
            self.address("<path:object_id>/pause/", self.pause_view, "pause"),
            self.address("<path:object_id>/resume/", self.resume_view, "resume"),
            self.address("<path:object_id>/skip-next/", self.skip_next_view, "skip_next"),
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
        require(request, operations.PAUSE)
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
        require(request, operations.PAUSE)
        self._resume(request, None)
        return self._back(request, None)

    def skip_next_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why the next start is skipped; on POST, skip it."""
        require(request, operations.SKIP_NEXT)
        process: Process = self.found(request, object_id)
        form = SkipForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                skipped = operations.SKIP_NEXT.do(asker(request), process, **form.cleaned_data)
            except RefusedError as error:
                form.add_error(_FIELDS.get(error.why.code), str(error))
            else:
                self.say(request, operations.SKIP_NEXT.say(skipped))
                return self._back(request, [process])
        return self._ask_to_skip(request, process, form)

    def _ask_to_skip(self, request: HttpRequest, process: Process, form: SkipForm) -> HttpResponse:
        refusal = operations.SKIP_NEXT.why_not(asker(request), process)
        return self.show(
            request,
            "admin/automation/process/skip_next.html",
            _("Skip the next start of %(process)s") % {"process": process},
            *(process, _("Skip next")),
            process=process,
            form=form,
            refusal=refusal.text if refusal else "",
            at=coming(process).next_run,
            zone=process.zone,
            holds=holds_shown(request, process),
        )

    def _one(self, request: HttpRequest, object_id: str) -> Process:
        require(request, operations.PAUSE)
        process: Process = self.found(request, object_id)
        return process

    def _pause(self, request: HttpRequest, processes: list[Process] | None) -> HttpResponse:
        """Show the form, or pause as it says; `processes`: None for everything."""
        require(request, operations.PAUSE)
        form = PauseForm(_zone_of(processes), request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask(request, processes, form)
        asked = {"why": form.cleaned_data["why"], "until": form.cleaned_data["until"]}
        try:
            held = operations.PAUSE.do(asker(request), processes, **asked)
        except RefusedError as error:
            form.add_error(_FIELDS.get(error.why.code), str(error))
            return self._ask(request, processes, form)
        self.say(request, operations.PAUSE.say(held))
        return self._back(request, None if "list" in request.GET else processes)

    def _resume(self, request: HttpRequest, processes: list[Process] | None) -> None:
        held = operations.RESUME.do(asker(request), processes)
        self.say(request, operations.RESUME.say(held))

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


def holds_shown(request: HttpRequest, process: Process | None) -> dict[str, Any]:
    """Return the pauses and windows that hold a process now or will (None: those of everything)."""
    zone = _zone_of([process] if process else None)
    windows = MaintenanceWindow.objects.of(process).filter(ends_at__gt=timezone.now())
    windows = windows.order_by("starts_at")
    not_over = Pause.objects.of(process).not_over()
    pauses = list(not_over.order_by(F("process").asc(nulls_first=True), "since"))
    now = timezone.now()
    may_see_windows = request.user.has_perm("automation.view_maintenancewindow")
    return {
        "zone": zone,
        "pauses": [pause for pause in pauses if pause.since <= now],
        "skips": _due_skips(process, [pause for pause in pauses if pause.since > now]),
        "windows": [(window, window.is_on) for window in windows[:COMING]],
        "may_see_windows": may_see_windows,
        "may_see_executions": request.user.has_perm("automation.view_execution"),
        "may_pause": may(request, operations.RESUME),
        "kept": "",
    }


def _due_skips(process: Process | None, skips: list[Pause]) -> list[Pause]:
    """Return the skips of starts that the rule of now still has."""
    rule = process.usable_rule if process else None

    def is_due(at: datetime) -> bool:
        due = rule.next_after(at - timedelta(seconds=1)) if rule else None
        return due is not None and due.astimezone(UTC) == at

    return [skip for skip in skips if is_due(skip.since)]


def _zone_of(processes: Sequence[Process] | None) -> ZoneInfo:
    """Return the zone that all the processes have, else that of the site."""
    names = {process.effective_timezone for process in processes or []}
    return zone_or_sites(names.pop()) if len(names) == 1 else site_zone()
