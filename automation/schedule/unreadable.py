"""A rule that is there and cannot be followed: another thing than no rule."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from automation.schedule.rule import VERSION, Rule


class Unreadable(Rule):
    """Says why (`error`), and what was due by the rule before (`known`), where that can be told.

    Nothing is to be started by it: its occurrences are what the history has to account for.
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
        """Yield what would be due strictly after `instant`; nothing where that is not known."""
        return self.known.after(instant) if self.known else iter(())

    def as_json(self) -> dict[str, Any]:
        known = self.known.as_json() if self.known else None
        return {"version": VERSION, "kind": "unreadable", "error": self.error, "known": known}
