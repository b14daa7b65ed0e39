"""Nodes in the admin, to read only: which qclusters run, or ran, and what they know."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from automation.admin.badges import badge
from automation.admin.base import ReadOnlyAdmin
from automation.models import Execution, Node, Status

_STATES = {
    "live": lambda: pgettext("node", "live"),
    "stopping": lambda: pgettext("node", "stopping"),
    "silent": lambda: pgettext("node", "silent"),
    "stopped": lambda: pgettext("node", "stopped"),
}


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "running", "release", "started_at", "seen_at")
    fields = (
        *("name", "state", "running", "host", "pid", "cluster", "workers", "stop_grace"),
        *(
            "release",
            "started_at",
            "seen_at",
            "stopping_at",
            "stopped_at",
            "functions_shown",
            "defaults_shown",
        ),
    )
    to_the_second = ("started_at", "seen_at", "stopping_at", "stopped_at")
    search_fields = ("name", "release")
    sortable_by = ()
    empty_value_display = ""
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        running = Execution.objects.filter(status=Status.RUNNING, node=OuterRef("name")).order_by()
        counted = running.values("node").annotate(count=Count("*")).values("count")
        count = Coalesce(Subquery(counted, output_field=IntegerField()), 0)
        return Node.objects.with_state().annotate(running_now=count).order_by("-pk")

    @admin.display(description=gettext_lazy("state"))
    def state(self, node: Any) -> SafeString:
        """The state of the node, as a badge."""
        word = _STATES[node.state]()
        return badge(word, f"node-{node.state}")

    @admin.display(description=gettext_lazy("running"))
    def running(self, node: Any) -> str:
        return _("%(running)s of %(limit)s") % {"running": node.running_now, "limit": node.workers}

    @admin.display(description=gettext_lazy("functions"))
    def functions_shown(self, node: Node) -> SafeString:
        keys = ((key,) for key in sorted(node.functions))
        return format_html_join("", '<div><code dir="ltr">{}</code></div>', keys) or SafeString(
            _("none")
        )

    @admin.display(description=gettext_lazy("default rules"))
    def defaults_shown(self, node: Node) -> SafeString:
        rules = sorted((key, rule) for key, rule in node.defaults.items() if rule)
        lines = format_html_join("", '<div><code dir="ltr">{}: {}</code></div>', rules)
        return lines or SafeString(_("none"))
