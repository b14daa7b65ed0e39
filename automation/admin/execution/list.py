"""The list of executions: quick however long the history is.

Every filter is served by an index or finds its rows at the newest end; nothing counts or lists
what would have to be scanned.
"""

from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation import instants, operations
from automation.admin.addresses import number_in
from automation.admin.badges import after_commit_badge, status_badge
from automation.admin.base import ReadOnlyAdmin
from automation.admin.execution.paginator import REACH, EstimatingPaginator
from automation.admin.lists import grouped, refuse_search
from automation.admin.operating import Operating, asker
from automation.models import Execution, ExecutionQuerySet, Process, Trigger

#: Characters of an error that a list shows.
ERROR_SHOWN = 140


class PersonFilter(admin.SimpleListFilter):
    """Filters by who asked for an execution: listing each person would read the whole history."""

    title = gettext_lazy("person")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("me")), ("somebody", _("somebody")), ("nobody", _("nobody: by schedule"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "me":
            return queryset.filter(requested_by=request.user.pk)
        if self.value() == "somebody":
            return queryset.exclude(trigger=Trigger.SCHEDULE)
        if self.value() == "nobody":
            return queryset.filter(trigger=Trigger.SCHEDULE)
        return None


class ProcessFilter(admin.RelatedFieldListFilter):
    """Filters by process; executions of deleted processes are one choice together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.empty_value_display = format_html("{}", _("deleted since"))


class ExecutionPaginator(EstimatingPaginator):
    @cached_property
    def times(self) -> int | None:
        """The number of times that the rows stand for; None where it is theirs, or not counted."""
        if self.is_estimated or self.total > REACH:
            return None
        rows: Any = self.object_list
        several = rows.order_by().filter(occurrences__gt=1)
        more: int | None = several.aggregate(more=Sum(F("occurrences") - 1))["more"]
        return self.total + more if more else None


class ExecutionList(Operating, ReadOnlyAdmin):
    list_display = ("called", "outcome", "cause", "due", "started")
    list_filter = (
        "status",
        "kind",
        "trigger",
        "after_commit",
        PersonFilter,
        "created_at",
        ("process", ProcessFilter),
    )
    search_fields = ("process_name",)  # and by number; see below
    linked_lookups = ("requested_by__id__exact",)  # the list of one person
    empty_value_display = ""
    sortable_by = ()
    actions = ("cancel_chosen",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = ExecutionPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        rows = (
            super()
            .get_queryset(request)
            .annotate(error_start=Substr("error_message", 1, ERROR_SHOWN))
        )
        big = ("error_message", "traceback", "result", "previewed", "parameters", "note")
        # With its process, for the zone.
        unread = ("process__description", "process__parameters", "process__former_rule")
        light: QuerySet[Execution] = rows.select_related("process").defer(*big, *unread)
        return light

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the number of an execution, or by names of processes, deleted ones included."""
        refuse_search(search_term)
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit():
            return queryset.filter(pk=number_in(term)), False
        named = Q(name__icontains=term) | Q(label__icontains=term)
        found = list(Process.objects.filter(named).values_list("pk", flat=True))
        then = Q(process_name__icontains=term) | Q(process_label__icontains=term)
        deleted = Q(process__isnull=True) & then
        return queryset.filter(Q(process__in=found) | deleted), False

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel_chosen(self, request: HttpRequest, queryset: ExecutionQuerySet) -> None:
        outcome = operations.CANCEL_EACH.do(asker(request), queryset)
        self.say(request, operations.CANCEL_EACH.say(outcome))

    @admin.display(description=gettext_lazy("execution"))
    def called(self, execution: Execution) -> SafeString:
        return format_html('<span dir="auto">{}</span>', execution.title)

    @admin.display(description=gettext_lazy("status"))
    def outcome(self, execution: Execution) -> SafeString:
        """The status, and the reason or the start of the error where there is one."""
        error = str(getattr(execution, "error_start", "")).partition("\n")[0]
        why = execution.reason_in_words or error
        told = format_html('<br><span class="automation-quiet" dir="auto">{}</span>', why)
        badges = status_badge(execution.status) + after_commit_badge(execution.after_commit)
        return badges + (told if why else SafeString(""))

    @admin.display(description=gettext_lazy("cause"))
    def cause(self, execution: Execution) -> str:
        who = execution.requested_by_name
        what = execution.get_trigger_display()
        if execution.kind != "run":
            what = execution.get_kind_display()
        return f"{what}: {who}" if who else what

    @admin.display(description=gettext_lazy("due"))
    def due(self, execution: Execution) -> SafeString:
        """When it was due; for a row of several times: how many, the first and the last."""
        if execution.occurrences == 1 or execution.scheduled_until is None:
            return _due(execution.scheduled_for, execution.zone)
        told = ngettext("%(count)s time", "%(count)s times", execution.occurrences)
        return format_html(
            _("{}, {} to {}"),
            told % {"count": grouped(execution.occurrences)},
            _due(execution.scheduled_for, execution.zone),
            _due(execution.scheduled_until, execution.zone),
        )

    @admin.display(description=gettext_lazy("started"))
    def started(self, execution: Execution) -> SafeString:
        """When the run began, and how long it took."""
        at, span = execution.started_at, execution.duration
        if at is None:
            return SafeString("")
        shown = instants.element(at, instants.to_second(at, execution.zone))
        if span is None:
            return shown
        took = instants.length(span)
        return shown + format_html('<br><span class="automation-quiet">{}</span>', took)


def _due(at: datetime | None, zone: tzinfo) -> SafeString:
    return instants.element(at, instants.to_minute(at, zone) if at else "")
