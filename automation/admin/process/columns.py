"""Columns of a process by what they say: the form, its previews and its script share these lists."""

from itertools import chain

from automation.models import ScheduleKind

#: The inputs of each kind of schedule.
INPUTS = {
    ScheduleKind.CRON: ("cron",),
    ScheduleKind.INTERVAL: ("every", "anchor"),
    ScheduleKind.ONCE: ("run_at",),
}
LIMITS = ("starts_at", "ends_at", "max_occurrences", "calendar", "jitter")
LATENESS = ("start_deadline", "catch_up", "catch_up_limit")

#: All that a preview of the schedule depends on.
TIMING = ("trigger_type", "schedule_kind", *chain(*INPUTS.values()), "timezone", *LIMITS)

#: All that the retries in words depend on.
RETRIES = ("max_retries", "retry_delay", "retry_backoff", "retry_max_delay")
