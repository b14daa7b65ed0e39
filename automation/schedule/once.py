"""A rule that is due once, at an instant."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from automation.instants import to_minute
from automation.schedule.rule import VERSION, Rule
from automation.schedule.typed import instant_from
from automation.schedule.zones import usable_minute, zone_named


class OnceRule(Rule):
    """Due once, `at` an instant, whose seconds do not count.

    `timezone` is the one in which people read it. Raises ScheduleError.
    """

    def __init__(self, at: datetime, timezone: str) -> None:
        self.zone = zone_named(timezone)
        self.at = usable_minute("at", at)

    def __str__(self) -> str:
        # Without the zone: it does not change when this is due.
        return f"once {self.at.isoformat()}"

    @property
    def words(self) -> str:
        """The rule in the active language."""
        return _("Once, at %(time)s") % {"time": to_minute(self.at, self.zone, bare=True)}

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrence if it is strictly after `instant`."""
        if self.at > instant:
            yield self.at

    def as_json(self) -> dict[str, Any]:
        at, timezone = self.at.isoformat(), self.zone.key
        return {"version": VERSION, "kind": "once", "at": at, "timezone": timezone}


def once_from(text: str, timezone: str) -> OnceRule:
    """Return the rule for a local time that was typed, as `2026-12-01 08:00`, in any digits.

    Of a time that comes twice, because clocks go back, the first is meant. Raises ScheduleError for
    one that does not exist, because clocks jump over it, and for another text.
    """
    return OnceRule(instant_from(text, timezone), timezone)
