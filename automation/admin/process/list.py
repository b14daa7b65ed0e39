"""The list of processes: how each went, when it runs next, a switch and a button."""

from datetime import tzinfo
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation import instants, operations
from automation.admin.badges import after_commit_badge, state_badge, status_badge
from automation.admin.base import EngineAdmin
from automation.admin.lists import StrictChangeList
from automation.admin.operating import may
from automation.admin.process.pause import holds_shown
from automation.models import (
    Hold,
    Pause,
    Process,
    Status,
    coming_of,
    reasons,
)
from automation.reports.last_runs import LastRun, last_runs
from automation.reports.state import State, with_state
from automation.reports.workers import workers

#: Runs that the bars of a process show.
BARS = 12
BAR_WIDTH = 8  # pixels, the gap included


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        labels = {state.value: str(state.label) for state in State}
        labels[State.DOWN] = _("down, or paused by itself after failures")
        return list(labels.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in State.values:
            return queryset
        wanted = Q(state=self.value())
        if self.value() == State.DOWN:
            by_itself = Pause.objects.in_force().filter(
                process=OuterRef("pk"), failures__isnull=False
            )
            wanted |= Q(Exists(by_itself), state=State.PAUSED)
        in_it = with_state(Process.objects.all()).filter(wanted)
        return queryset.filter(pk__in=in_it.values("pk"))


class _WithLastRuns(StrictChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.workers = workers()
        pks = [process.pk for process in self.result_list]
        runs = last_runs(pks, BARS)
        rows = with_state(Process.objects.filter(pk__in=pks)).order_by().values_list("pk", "state")
        states = dict(rows)
        self.holds = holds_shown(request, None) | {"kept": self.preserved_filters}
        for process in self.result_list:
            process.state = states.get(process.pk, State.NEW)
            process.last_runs = runs.get(process.pk, [])
            process.known = self.workers.known
        comings = coming_of(self.result_list)
        for process in self.result_list:
            process.coming = comings[process.pk]


class ProcessList(EngineAdmin):
    list_filter = (StateFilter, "is_enabled", "trigger_type", "function")
    search_fields = ("name", "label", "function", "description")
    list_per_page = 25
    empty_value_display = ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _WithLastRuns

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns; people who may neither switch nor run see no buttons."""
        may_switch = may(request, operations.ENABLE)
        may_run = may(request, operations.RUN)
        may_pause = may(request, operations.RESUME)
        may_see_runs = request.user.has_perm("automation.view_execution")

        kept = self.get_preserved_filters(request)

        @admin.display(description=_("state"))
        def state(process: Process) -> SafeString:
            return state_badge(getattr(process, "state", State.NEW))

        @admin.display(description=_("next run"))
        def next_run_at(process: Process) -> SafeString:
            return _next_run(process) + _holds(process, linked=may_see_runs)

        @admin.display(description=_("last runs"))
        def last_runs(process: Process) -> SafeString:
            return _last_runs(process, linked=may_see_runs)

        @admin.display(description=_("enabled"), ordering="is_enabled")
        def controls(process: Process) -> SafeString:
            shown = _switch(process, kept) if may_switch else _state(process)
            if may_pause and any(hold.reason == reasons.PAUSED for hold in _own_holds(process)):
                shown += _resume_button(process, kept)
            return shown + (_run_button(process) if may_run else SafeString(""))

        return ["called", state, last_runs, "schedule", next_run_at, controls]

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def called(self, process: Process) -> SafeString:
        """The label of the process, and its name below that, where they differ."""
        name = format_html('<br><span class="automation-quiet" dir="ltr">{}</span>', process.name)
        shown = format_html('<span dir="auto">{}</span>', process.title)
        return shown + name if process.title != process.name else shown

    @admin.display(description=gettext_lazy("schedule"))
    def schedule(self, process: Process) -> str | SafeString:
        if process.is_by_hand:
            return process.schedule_in_words
        zone = format_html(
            '<span class="automation-quiet" dir="ltr">{}</span>', process.effective_timezone
        )
        return format_html('<span dir="auto">{}</span><br>{}', process.schedule_in_words, zone)

    def executions_url(self, process: Process) -> str:
        history = reverse("admin:automation_execution_changelist")
        return f"{history}?process__id__exact={process.pk}"


def _next_run(process: Any) -> SafeString:
    next_run = process.coming.next_run
    if next_run is None:
        return SafeString("")
    exact = instants.to_minute(next_run, process.zone)
    both = format_html(
        '{}<br><span class="automation-quiet">{}</span>', instants.from_now(next_run), exact
    )
    return instants.element(next_run, both)


def _own_holds(process: Any) -> list[Hold]:
    """Return what holds this process; the page says once, elsewhere, that everything is paused."""
    return [hold for hold in process.coming.holds if hold.reason != reasons.ALL_PAUSED]


def _holds(process: Any, *, linked: bool) -> SafeString:
    """Say why the process does not start, since when and until when, and which failure paused it."""
    shown = [(_hold(hold, process, linked=linked),) for hold in _own_holds(process)]
    return format_html_join("", "{}", shown)


def _hold(hold: Hold, process: Process, *, linked: bool) -> SafeString:
    told = _("since %(time)s") % {"time": instants.to_minute(hold.since, process.zone)}
    if hold.until is not None:
        until = _("until %(time)s") % {"time": instants.to_minute(hold.until, process.zone)}
        told = _(", ").join([told, until])
    link = SafeString("")
    if linked and hold.failure is not None:
        address = reverse("admin:automation_execution_change", args=[hold.failure])
        link = format_html('<a dir="ltr" href="{}">#{}</a>', address, hold.failure)
    return format_html(
        '<span class="automation-hold"><span dir="auto">{}</span> {} '
        '<span class="automation-quiet">{}</span></span>',
        *(hold.in_words, link, told),
    )


def _resume_button(process: Process, kept: str) -> SafeString:
    return format_html(
        '<button type="submit" class="automation-tool" formaction="{}?{}" aria-label="{}">{}</button>',
        reverse("admin:automation_process_resume", args=[process.pk]),
        f"list&{kept}",
        _("Resume: %(process)s") % {"process": process},
        _("Resume"),
    )


def _last_runs(process: Any, *, linked: bool) -> SafeString:
    """Say how the last run ended, and show the last runs as bars."""
    runs: list[LastRun] = getattr(process, "last_runs", [])
    if not runs:
        return format_html('<span class="automation-quiet">{}</span>', _("never"))
    badge = status_badge(runs[-1].status) + after_commit_badge(runs[-1].after_commit)
    if linked:
        url = reverse("admin:automation_execution_change", args=[runs[-1].pk])
        badge = format_html('<a href="{}">{}</a>', url, badge)
    return badge + _bars(runs, process.zone)


def _bars(runs: list[LastRun], zone: tzinfo) -> SafeString:
    """Return the last runs as a picture. A template would be slow: a list has hundreds of bars."""
    labels = {status.value: str(status.label) for status in Status}
    bars = format_html_join(
        "",
        '<rect class="automation-bar-{}" x="{}" width="6" height="20" rx="1"><title>{} {}</title></rect>',
        (
            (
                run.status,
                BAR_WIDTH * place,
                labels[run.status],
                instants.to_second(run.created_at, zone),
            )
            for place, run in enumerate(runs)
        ),
    )
    return format_html(
        '<svg class="automation-bars" role="img" aria-label="{}" viewBox="0 0 {w} 20" width="{w}" '
        'height="20">{}</svg>',
        _(", ").join(labels[run.status] for run in runs),
        bars,
        w=BAR_WIDTH * BARS,
    )


def _state(process: Process) -> SafeString:
    return format_html("<span>{}</span>", _("on") if process.is_enabled else _("off"))


def _switch(process: Process, kept: str) -> SafeString:
    state = "off" if process.is_enabled else "on"
    return format_html(
        '<button type="submit" role="switch" aria-checked="{}" aria-label="{}" '
        'class="automation-switch" formaction="{}?{}">{}</button>',
        "true" if process.is_enabled else "false",
        _("Enabled: %(process)s") % {"process": process},
        reverse("admin:automation_process_switch", args=[process.pk, state]),
        kept,
        _("on") if process.is_enabled else _("off"),
    )


def _run_button(process: Process) -> SafeString:
    """Return a link to the run form: nothing starts by one click beside a switch."""
    return format_html(
        '<a class="automation-tool" href="{}" aria-label="{}">{}</a>',
        reverse("admin:automation_process_run", args=[process.pk]),
        _("Run now: %(process)s") % {"process": process},
        _("Run now"),
    )
