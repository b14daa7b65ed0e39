"""Missed times: what became of each time of a range, and which of them are started now."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation import operations
from automation.admin.addresses import number_in
from automation.admin.badges import badge, status_badge
from automation.admin.operating import asker, may, may_see_executions, require
from automation.admin.process.run import ProcessRun
from automation.instants import as_browsers_type, to_minute
from automation.models import Execution, Process, Trigger
from automation.reports.gaps import begin_of_gap, gap_of
from automation.reports.missed import NoTimesError, Occurrence, Plan, plan
from automation.schedule import ScheduleError, range_from
from automation.why_not import RefusedError

_DAY = timedelta(days=1)

#: Times that the page lists, the newest; a form of the browser has a limit too.
SHOWN = 200


class ChoiceError(ValueError):
    """The choice on the form cannot be carried out yet; the text says why."""


class MissedTime(NamedTuple):
    """One due time in the list of the page."""

    at: str  # as the form sends it
    local: str
    badge: SafeString
    #: Why its execution ended so, or why the time cannot be chosen.
    why: str
    address: str
    may_start: bool


class ProcessBackfill(ProcessRun):
    """The part of the process pages by which a person starts missed times."""

    def gap_shown(self, request: HttpRequest, process: Process | None) -> SafeString:
        """Return a hint that times were missed, with a link; empty for people who may start nothing."""
        asks = request.method == "GET" and may(request, operations.BACKFILL)
        gap = gap_of(process) if process and asks else None
        if process is None or gap is None:
            return SafeString("")
        told = ngettext(
            "%(count)s time was missed, on %(since)s.",
            "%(count)s times were missed since %(since)s.",
            gap.times,
        )
        told %= {"count": number_format(gap.times), "since": to_minute(gap.since, process.zone)}
        return format_html(
            '<p class="automation-hint" role="status">{} <a href="{}">{}</a></p>',
            told,
            reverse("admin:automation_process_backfill", args=[process.pk]),
            _("Choose what becomes of them"),
        )

    def backfill_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the due times of a range; on POST, start the chosen ones."""
        require(request, operations.BACKFILL)
        process: Process = self.found(request, object_id)
        asked = request.POST if request.method == "POST" else request.GET
        found = None
        try:
            found = plan(process, *_range_of(asked, process), again="again" in asked)
            if request.method == "POST":
                return self._backfill(request, found)
        except NoTimesError as answer:
            return self._backfill_page(request, process, asked, found, answer=str(answer))
        except (ScheduleError, RefusedError, ChoiceError) as error:
            return self._backfill_page(request, process, asked, found, str(error))
        return self._backfill_page(request, process, asked, found)

    def _backfill(self, request: HttpRequest, found: Plan) -> HttpResponse:
        done = operations.BACKFILL.do(
            asker(request),
            found.process,
            chosen=_chosen(request.POST, found),
            again=found.again,
            note=request.POST.get("note", ""),
            confirmed=number_in(request.POST.get("confirmed", "")),
        )
        self.say(request, operations.BACKFILL.say(done))
        return self._after_backfill(request, found.process, done.started)

    def _after_backfill(self, request: HttpRequest, process: Process, started: int) -> HttpResponse:
        if started and may_see_executions(request):
            history = reverse("admin:automation_execution_changelist")
            of_it = f"process__id__exact={process.pk}&trigger__exact={Trigger.BACKFILL}"
            return redirect(f"{history}?{of_it}")
        if self.has_view_permission(request, process):
            return redirect("admin:automation_process_change", process.pk)
        return redirect("admin:index")

    def _backfill_page(
        self,
        request: HttpRequest,
        process: Process,
        asked: QueryDict,
        found: Plan | None,
        error: str = "",
        answer: str = "",
    ) -> HttpResponse:
        context = {
            "process": process,
            "asked": asked,
            "since": asked.get("since", ""),
            "until": asked.get("until", ""),
            "picked": asked.getlist("pick"),
            "error": error,
            "answer": answer,
            "plan": found,
            **(_described(found, linked=may_see_executions(request)) if found else {}),
        }
        title = _("Missed times of %(process)s") % {"process": process}
        template, way = "admin/automation/process/backfill.html", (process, _("Missed times"))
        return self.show(request, template, title, *way, **context)


def _range_of(asked: QueryDict, process: Process) -> tuple[datetime, datetime]:
    """Return the range that was asked for, else from the last run on time (at least a day) to now."""
    if "since" not in asked and "until" not in asked:
        now = timezone.now()
        earliest = max(process.created_at, now - _DAY)
        return min(begin_of_gap(process), earliest, now), now
    return range_from(asked.get("since", ""), asked.get("until", ""), process.effective_timezone)


def _chosen(asked: QueryDict, found: Plan) -> list[datetime]:
    """Return the offered times that the form chose. Raise ChoiceError where it chose none."""
    offered, picks = found.offered, set(asked.getlist("pick"))
    choices = {
        "none": [],
        "latest": offered[-1:],
        "all": offered,
        "picks": [at for at in offered if at.isoformat() in picks],
    }
    choice = asked.get("choice") or ("picks" if picks else "")
    if choice not in choices:
        raise ChoiceError(_("Choose which of them are started."))
    chosen = choices[choice]
    if not chosen and choice != "none":
        raise ChoiceError(_("None of those that can be started is chosen."))
    return chosen


def _described(found: Plan, *, linked: bool) -> dict[str, Any]:
    """Return what the page shows of a plan."""
    process, offered = found.process, found.offered
    shown = found.occurrences[: -SHOWN - 1 : -1]
    executions = Execution.objects.only("status", "reason", "reason_data", "process_name").in_bulk(
        [each.execution for each in shown if each.execution]
    )
    for execution in executions.values():
        execution.process = process  # It is known already.
    edges = found.rule_since, found.pruned_before
    rule_since, pruned_before = (to_minute(at, process.zone) if at else "" for at in edges)
    return {
        "rows": [_row(each, found, executions, linked=linked) for each in shown],
        "since": as_browsers_type(found.since, found.rule.zone),
        "until": as_browsers_type(found.until, found.rule.zone),
        "total": len(found.occurrences),
        "left_out": len(found.occurrences) - len(shown),
        "offered": len(offered),
        "latest": to_minute(offered[-1], process.zone) if offered else "",
        "must_confirm": operations.must_confirm(len(offered)),
        "rule_since": rule_since,
        "pruned_before": pruned_before,
    }


def _row(
    each: Occurrence, found: Plan, executions: dict[int, Execution], *, linked: bool
) -> MissedTime:
    execution = executions.get(each.execution or 0)
    change = "admin:automation_execution_change"
    return MissedTime(
        at=each.at.isoformat(),
        local=to_minute(each.at, found.process.zone),
        badge=status_badge(execution.status) if execution else badge(_("no record")),
        why=_why(each, execution),
        address=reverse(change, args=[execution.pk]) if execution and linked else "",
        may_start=each.may_start(again=found.again),
    )


def _why(each: Occurrence, execution: Execution | None) -> str:
    if each.is_due:
        return _("It is due: the process will catch it up, or not, as its settings say.")
    if each.succeeded and execution and execution.status != "completed":
        return _("It succeeded before.")
    return execution.reason_in_words if execution else ""
