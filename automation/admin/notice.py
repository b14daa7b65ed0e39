"""Notices in the admin, to read only: who was told of what and when, or why nobody was yet."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from automation.admin.base import ReadOnlyAdmin
from automation.engine.end import notices
from automation.models import Execution, Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "event", "created_at", "recipients", "outcome")
    list_filter = ("event", "created_at")
    to_the_second = ("created_at",)
    search_fields = ("process_name", "process_label")
    sortable_by = ()
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = (
        "event",
        "process_title",
        "page_of_the_execution",
        "created_at",
        "outcome",
        "attempts",
        "error",
        "recipients",
        "subject",
        "text",
    )
    readonly_fields = ("process_title", "page_of_the_execution", "outcome", "text")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        nobody = {"nobody_is_told": not notices.are_sent()}
        return super().changelist_view(request, nobody | (extra_context or {}))

    @admin.display(description=gettext_lazy("process"))
    def process_title(self, notice: Notice) -> str:
        return notice.process_title

    @admin.display(description=gettext_lazy("what became of it"))
    def outcome(self, notice: Notice) -> str:
        return notice.in_words

    @admin.display(description=gettext_lazy("execution"))
    def page_of_the_execution(self, notice: Notice) -> str | SafeString:
        if notice.execution_id is None:
            return "–"
        if not Execution.objects.filter(pk=notice.execution_id).exists():
            return format_html("#{} ({})", notice.execution_id, gettext_lazy("deleted since"))
        address = reverse("admin:automation_execution_change", args=[notice.execution_id])
        return format_html('<a dir="ltr" href="{}">#{}</a>', address, notice.execution_id)

    @admin.display(description=gettext_lazy("text"))
    def text(self, notice: Notice) -> SafeString:
        if not notice.body:
            return SafeString("–")
        return format_html(
            '<pre class="automation-code" dir="auto" tabindex="0">{}</pre>', notice.body
        )
