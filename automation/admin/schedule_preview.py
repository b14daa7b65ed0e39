"""What a schedule means, shown beside the form and brought up to date as one types."""

from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from automation import schedule
from automation.models import Process, TriggerType
from automation.schedule import CronRule, ScheduleError

#: Coming runs that are shown.
RUNS = 5


def schedule_preview(process: Process) -> SafeString:
    """Render the rule in force, where it comes from, its words and next runs, or what is wrong."""
    try:
        context = _context(process)
    except ScheduleError as error:
        context = {"error": str(error), "field": _FIELD_NAMES[error.field]()}
    return render_to_string("automation/schedule.html", context)


_FIELD_NAMES = {"cron": lambda: _("Cron rule"), "timezone": lambda: _("Time zone")}


def _context(process: Process) -> dict[str, Any]:
    if process.trigger_type == TriggerType.MANUAL:
        return {"by_hand": True}
    own, default = schedule.cron_from(process.cron), process.default_cron
    if not (own or default):
        return {"none_yet": True}
    rule = CronRule(own or default, process.timezone)
    return {
        "rule": rule,
        "own": own,
        "default": default,
        "is_enabled": process.is_enabled,
        "runs": [_run(rule, at) for at in rule.first(RUNS, after=timezone.now())],
    }


def _run(rule: CronRule, at: datetime) -> dict[str, datetime]:
    # Without their zones: the template would turn them into the site's.
    return {"local": at.astimezone(rule.zone).replace(tzinfo=None), "utc": at.replace(tzinfo=None)}
