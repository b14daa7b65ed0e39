"""Rules as other schedulers write them."""

import re
from datetime import UTC, datetime

from automation.adoption.found import NotAdoptableError
from automation.schedule import CronRule, OnceRule

#: Jenkins's and croniter's `H` and `R`, cronie's and OpenBSD's `~`.
_RANDOM = re.compile(r"(?:^|[\s,])[HR](?:[\s,(/]|$)|~", re.IGNORECASE)


def cron_rule(expression: str, timezone: str) -> CronRule:
    """Raises NotAdoptableError for times that are drawn, ScheduleError for what is not cron."""
    if _RANDOM.search(expression):
        raise NotAdoptableError(
            f"{expression!r} leaves its times to chance (H, R or ~). Write the minute and the hour "
            "that you want."
        )
    return CronRule(expression, timezone)


def once_rule(at: datetime, timezone: str, now: datetime) -> OnceRule:
    """Raises NotAdoptableError for a time that is over."""
    if at <= now:
        raise NotAdoptableError(
            f"It was to run once, at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: that is over."
        )
    return OnceRule(at, timezone)
