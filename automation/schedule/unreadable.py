"""A rule that exists and cannot be followed; a process without a rule is another case."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from automation.schedule.rule import VERSION, Rule


class Unreadable(Rule):
    """A rule that cannot be followed.

    `error` says why; `known` is the rule before, where that can be told. Nothing is started by it:
    its occurrences are what the history has to account for.
    """

    def __init__(self, error: str, known: Rule | None = None) -> None:
        self.error = error
        self.known: Rule | None = known.known if isinstance(known, Unreadable) else known
        self.zone = self.known.zone if self.known else ZoneInfo("UTC")

    def __str__(self) -> str:
        return f"unreadable {self.known or ''}".rstrip()

    @property
    def words(self) -> str:
        return _("Broken: %(error)s") % {"error": self.error}

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield what the known rule has due strictly after `instant`; nothing without one."""
        return self.known.after(instant) if self.known else iter(())

    def as_json(self) -> dict[str, Any]:
        known = self.known.as_json() if self.known else None
        return {"version": VERSION, "kind": "unreadable", "error": self.error, "known": known}
