"""Processes in the admin: list, form, run, switch, change history."""

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation import operations, registry
from automation.admin.addresses import number_in
from automation.admin.badges import state_badge
from automation.admin.base import PROCESS_GONE
from automation.admin.operating import can, may
from automation.admin.process.backfill import ProcessBackfill
from automation.admin.process.columns import INPUTS, LATENESS, LIMITS, RETRIES
from automation.admin.process.delete import ProcessDelete
from automation.admin.process.explain import ProcessExplain
from automation.admin.process.form import ProcessForm, RetriesForm
from automation.admin.process.list import ProcessList
from automation.admin.process.parameters import ParametersField
from automation.admin.process.pause import ProcessPause, holds_shown
from automation.admin.process.schedule_preview import schedule_preview
from automation.admin.process.switch import ProcessSwitch
from automation.admin.process.timing_form import DraftForm
from automation.models import Process, ScheduleKind, changes_between, history_of, title_of
from automation.reports import advice
from automation.reports.state import state_of
from automation.schedule import interval_as_typed

#: Versions that a history page shows, newest first.
VERSIONS = 50


@admin.register(Process)
class ProcessAdmin(
    ProcessList, ProcessBackfill, ProcessDelete, ProcessExplain, ProcessPause, ProcessSwitch
):
    gone = PROCESS_GONE
    form = ProcessForm
    actions = ("run_now", "pause", "resume", "enable", "disable")
    readonly_fields = (
        *("what_it_does", "every_shown", "schedule_shown", "parameters_shown", "limit_in_force"),
        "retries_shown",
    )

    class Media:
        js = ["automation/admin.js"]

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: Process | None = None) -> Any:
        if obj:
            may_save = self.has_change_permission(request, obj)
        else:
            may_save = self.has_add_permission(request)
        parameters = "parameters" if may_save else "parameters_shown"
        what = ["name", "label", "function", "what_it_does", "description", "is_enabled"]
        retries = [RETRIES[0], "retries_shown", *RETRIES[1:], "retry_jitter"]
        limits = ["time_limit", "limit_in_force", "max_concurrency", "overlap_policy"]
        limits += ["concurrency_group", "priority", "pause_after_failures"]
        inputs = chain(*INPUTS.values()) if may_save or obj is None else _shown_inputs(obj)
        when = ["trigger_type", "schedule_kind", *inputs, "timezone"]
        when.append("today" if may_save else "schedule_shown")
        return [
            (None, {"fields": [*what, *(["version"] if may_save else [])]}),
            (gettext_lazy("When"), {"fields": when}),
            _rarely(gettext_lazy("Limits of the schedule"), LIMITS, obj),
            _rarely(gettext_lazy("When it is late"), LATENESS, obj),
            (gettext_lazy("How"), {"fields": [parameters]}),
            (gettext_lazy("Retries and limits"), {"fields": [*retries, *limits]}),
            _rarely(gettext_lazy("History"), ("keep_days", "keep_runs"), obj),
        ]

    @admin.display(description=gettext_lazy("what it does"))
    def what_it_does(self, process: Process) -> SafeString:
        text = _description_of(process.function)
        return format_html('<span id="automation-what" dir="auto">{}</span>', text)

    @admin.display(description=gettext_lazy("what comes of it"))
    def schedule_shown(self, process: Process) -> SafeString:
        """The stored schedule in words and instants, for people who may only look."""
        shown = schedule_preview(DraftForm(instance=process).draft)
        return format_html('<div id="automation-schedule">{}</div>', shown)

    @admin.display(description=gettext_lazy("every"))
    def every_shown(self, process: Process) -> str:
        return interval_as_typed(timedelta(minutes=process.every)) if process.every else ""

    @admin.display(description=gettext_lazy("parameters"))
    def parameters_shown(self, process: Process) -> SafeString:
        shown = registry.masked(process.function, process.parameters)
        return format_html('<code dir="ltr">{}</code>', json.dumps(shown, ensure_ascii=False))

    @admin.display(description=gettext_lazy("limit in force"))
    def limit_in_force(self, process: Process) -> str:
        seconds = process.effective_time_limit
        text = ngettext("%(seconds)s second", "%(seconds)s seconds", seconds)
        return text % {"seconds": seconds}

    @admin.display(description=gettext_lazy("retries in words"))
    def retries_shown(self, process: Process) -> SafeString:
        """The retries in words; the script of the page follows what is typed."""
        address = reverse("admin:automation_process_retries")
        text = process.retries_in_words
        return format_html(
            '<div id="automation-retries" aria-live="polite" data-url="{}" data-fields="{}">{}</div>',
            *(address, " ".join(RETRIES), text),
        )

    def save_model(self, request: HttpRequest, obj: Process, form: Any, change: bool) -> None:
        obj._history_user = request.user  # type: ignore[attr-defined]  # simple_history's name
        super().save_model(request, obj, form, change)
        for told in advice.about(obj):
            self.message_user(request, told, "WARNING")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        process = context.get("original")
        context["may_run"] = may(request, operations.RUN)
        context["may_pause"] = may(request, operations.PAUSE)
        context["may_skip_next"] = bool(process and can(request, operations.SKIP_NEXT, process))
        context["may_backfill"] = bool(process and can(request, operations.BACKFILL, process))
        context["gap"] = self.gap_shown(request, process)
        if process is not None:
            context["holds"] = holds_shown(request, process)
            state = state_of(process)
            context["state"] = state_badge(state) if state else ""
        if process is not None and request.user.has_perm("automation.view_execution"):
            context["executions_url"] = self.executions_url(process)
        return super().render_change_form(request, context, *args, **kwargs)

    # Addresses besides Django's own

    def get_urls(self) -> list[URLPattern]:
        return [
            self.address("schedule/", self.schedule_view, "schedule"),
            self.address("retries/", self.retries_view, "retries"),
            self.address("parameters/", self.parameters_view, "parameters"),
            *self.pause_urls(),
            self.address("<path:object_id>/run/", self.run_view, "run"),
            self.address("<path:object_id>/backfill/", self.backfill_view, "backfill"),
            self.address("<path:object_id>/explain/", self.explain_view, "explain"),
            self.address("<path:object_id>/switch/<str:state>/", self.switch_view, "switch"),
            *super().get_urls(),
        ]

    def schedule_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the preview of the schedule that is typed at the moment."""
        self._refuse_who_sees_no_form(request)
        asked = request.POST or request.GET  # A long rule does not fit an address.
        seen = (
            Process.objects.all() if self.has_view_permission(request) else Process.objects.none()
        )
        process = seen.filter(pk=number_in(asked.get("process", ""))).first()
        form = DraftForm(asked, instance=process)
        form.full_clean()
        return HttpResponse(schedule_preview(form.draft))

    def retries_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the typed retries in words; with nothing while they are not valid."""
        self._refuse_who_sees_no_form(request)
        form = RetriesForm(request.GET)
        text = Process(**form.cleaned_data).retries_in_words if form.is_valid() else ""
        return HttpResponse(format_html("{}", text))

    def parameters_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the inputs and the description of the function that is chosen at the moment."""
        self._refuse_who_sees_no_form(request)
        key = request.GET.get("function", "")
        widget = ParametersField(registry.find(key), {}).widget
        what = format_html('<p id="automation-new-what">{}</p>', _description_of(key))
        return HttpResponse(widget.render("parameters", {}) + what)

    def _refuse_who_sees_no_form(self, request: HttpRequest) -> None:
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show who changed what and when, with old and new values, the newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        versions = list(history_of(number_in(object_id))[: VERSIONS + 1])
        if not versions:
            raise Http404(str(self.gone))
        changes = [
            {"version": new, "fields": changes_between(old, new)}
            for new, old in zip(versions, [*versions[1:], None], strict=True)
        ]
        name = title_of(versions[0].label, versions[0].name)
        process = Process.objects.filter(pk=number_in(object_id)).first()
        return self.show(
            request,
            "admin/automation/process/history.html",
            _("Changes of %(process)s") % {"process": name},
            *(process or name, _("Changes")),
            changes=changes[:VERSIONS],
            holds=holds_shown(request, process),
        )


def _shown_inputs(process: Process) -> list[str]:
    """Return the columns of its kind of schedule, for people who may only look."""
    names = INPUTS[ScheduleKind(process.schedule_kind)]
    return ["every_shown" if name == "every" else name for name in names]


def _rarely(name: Any, fields: Sequence[str], process: Process | None) -> Any:
    """Return a set of fields that is folded in while all of them have their defaults."""
    usual = Process()
    is_usual = process is None or all(
        process.serializable_value(field) == usual.serializable_value(field) for field in fields
    )
    return (name, {"fields": fields, "classes": ["collapse"] if is_usual else []})


def _description_of(key: str) -> str:
    function = registry.find(key)
    return function.description_shown if function else ""
