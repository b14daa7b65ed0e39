"""Calendars in the admin: days on which nothing is due."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from automation.admin.base import EngineAdmin
from automation.models import Calendar


class CalendarForm(forms.ModelForm):
    class Meta:
        widgets = {"days": forms.Textarea(attrs={"dir": "auto", "rows": 12, "cols": 50})}


@admin.register(Calendar)
class CalendarAdmin(EngineAdmin):
    form = CalendarForm
    list_display = ("name", "of_processes", "updated_at")
    search_fields = ("name", "days")
    fields = ("name", "days", "used_by")
    readonly_fields = ("used_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        calendars: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = calendars.annotate(members=Count("processes"))
        return counted

    @admin.display(description=gettext_lazy("processes"), ordering="members")
    def of_processes(self, calendar: Any) -> int:
        return int(calendar.members)

    @admin.display(description=gettext_lazy("used by"))
    def used_by(self, calendar: Calendar) -> SafeString | str:
        if calendar.pk is None:
            return ""
        rows = calendar.processes.only("pk", "name", "label")
        links = ((reverse("admin:automation_process_change", args=[p.pk]), p.title) for p in rows)
        listed = format_html_join("", '<li><a href="{}">{}</a></li>', links)
        return format_html("<ul>{}</ul>", listed) if listed else ""
