"""What a page says where nobody is there to run anything."""

from typing import Any

from django import template

from automation.reports.workers import Workers, workers

register = template.Library()

#: Who sees any of these is told.
_SEES = ("automation.view_process", "automation.view_execution", "automation.run_process")


@register.inclusion_tag("automation/absence.html", takes_context=True)
def absence_of_workers(context: dict[str, Any], around: Workers | None = None) -> dict[str, Any]:
    """That no worker is running, for who may see processes or start them; nothing otherwise.

    `around`: where the page has looked already.
    """
    may_see = any(map(context["request"].user.has_perm, _SEES))
    return {"workers": (around or workers()) if may_see else None}
