"""Hold: why, and for how long, something keeps a process from starting by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from automation.models import reasons

#: An instant later than anything that can be planned.
NEVER = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Hold:
    """What holds a process from `since` to `until` (None: for good), as a reason with data."""

    reason: str
    data: dict[str, Any]
    since: datetime
    until: datetime | None
    #: The execution after whose failure the process paused by itself.
    failure: int | None = None

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)

    def end_or_never(self) -> datetime:
        """The end of the hold, to compare; one without an end is later than any other."""
        return self.until or NEVER

    @property
    def in_words(self) -> str:
        return reasons.in_words(self.reason, self.data)


class Holds:
    """All that holds a process within a span; the most specific comes first."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        self.all = list(holds)

    def at(self, instant: datetime) -> Hold | None:
        """Return the first hold that is in force at an instant; None for none."""
        return next((hold for hold in self.all if instant in hold), None)

    def all_at(self, instant: datetime) -> list[Hold]:
        """Return each hold that is in force at an instant; the one that ends last comes first."""
        found = [hold for hold in self.all if instant in hold]
        return sorted(found, key=Hold.end_or_never, reverse=True)

    def free_from(self, instant: datetime) -> datetime | None:
        """Return the first instant, not before this one, at which nothing holds; else None."""
        while found := self.all_at(instant):
            if found[0].until is None:
                return None
            instant = found[0].until
        return instant
