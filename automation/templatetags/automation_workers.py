"""What a page says where no worker is running."""

from typing import Any

from django import template

from automation.reports.workers import Workers, workers

register = template.Library()

#: People with any of these permissions are told.
_SEES = ("automation.view_process", "automation.view_execution", "automation.run_process")


@register.inclusion_tag("automation/absence.html", takes_context=True)
def absence_of_workers(context: dict[str, Any], around: Workers | None = None) -> dict[str, Any]:
    """Return a notice that no worker is running, for people who may see or start processes.

    `around`: where the page has looked already.
    """
    may_see = any(map(context["request"].user.has_perm, _SEES))
    return {"workers": (around or workers()) if may_see else None}
