"""The history of pauses, to read only; maintenance windows, to plan."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.admin.base import EngineAdmin, ReadOnlyAdmin
from automation.form_fields import DateTimeField
from automation.models import MaintenanceWindow, Pause, name_of

#: As browsers want it.
_ISO = "%Y-%m-%dT%H:%M"


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin):
    list_display = ("subject", "reason", "since", "until", "who", "resumed", "page_of_the_failure")
    search_fields = ("process_name", "process_label", "why")
    sortable_by = ()
    actions = None
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = ""
    fields = ("subject", "reason", "since", "until", "who", "resumed", "page_of_the_failure")
    readonly_fields = ("subject", "reason", "who", "resumed", "page_of_the_failure")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        pauses: QuerySet[Any] = super().get_queryset(request)
        return pauses.select_related("process")

    @admin.display(description=gettext_lazy("process"))
    def subject(self, pause: Pause) -> str:
        if pause.process_id and pause.process is None:
            return _("%(process)s (deleted since)") % {"process": pause}
        return str(pause)

    @admin.display(description=gettext_lazy("by"))
    def who(self, pause: Pause) -> str:
        return pause.by_in_words

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, pause: Pause) -> str:
        return pause.why_in_words

    @admin.display(description=gettext_lazy("ended by"))
    def resumed(self, pause: Pause) -> str:
        return pause.ended_by_name

    @admin.display(description=gettext_lazy("failure"))
    def page_of_the_failure(self, pause: Pause) -> str | SafeString:
        if pause.execution_id is None:
            return ""
        address = reverse("admin:automation_execution_change", args=[pause.execution_id])
        return format_html('<a dir="ltr" href="{}">#{}</a>', address, pause.execution_id)


class _LocalTime(forms.DateTimeInput):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"type": "datetime-local", "dir": "ltr", **(attrs or {})}, _ISO)


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(EngineAdmin):
    list_display = ("label", "starts_at", "ends_at", "held", "created_by_name")
    list_filter = ("starts_at",)
    search_fields = ("label", "processes__name", "processes__label")
    show_facets = admin.ShowFacets.NEVER
    formfield_overrides = {
        models.DateTimeField: {"form_class": DateTimeField, "widget": _LocalTime},
        models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple},
    }
    readonly_fields = ("created_by_name", "created_at")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        windows: QuerySet[Any] = super().get_queryset(request)
        return windows.prefetch_related("processes")

    def get_fieldsets(self, request: HttpRequest, obj: MaintenanceWindow | None = None) -> Any:
        told = _("Times are by the clock of %(zone)s.") % {"zone": get_default_timezone()}
        fields = ["label", "starts_at", "ends_at", "processes"]
        made = ["created_by_name", "created_at"] if obj else []
        return [(None, {"fields": [*fields, *made], "description": told})]

    @admin.display(description=gettext_lazy("processes"))
    def held(self, window: MaintenanceWindow) -> str:
        names = [process.title for process in window.processes.all()]
        return _(", ").join(names) if names else _("all")

    def save_model(
        self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by_name = name_of(request.user)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        others = MaintenanceWindow.objects.overlapping(form.instance).order_by("starts_at")
        names = _(", ").join(other.label for other in others)
        if names:
            told = _("It overlaps with: %(windows)s.") % {"windows": names}
            self.message_user(request, told, messages.WARNING)
