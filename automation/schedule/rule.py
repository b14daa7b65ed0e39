"""What every rule can do."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, Protocol
from zoneinfo import ZoneInfo

#: The version of the JSON that `as_json` returns.
VERSION = 1


class Rule(Protocol):
    """A rule that says when something is due; `str()` of equal rules is equal in every process."""

    zone: ZoneInfo

    @property
    def words(self) -> str:
        """The rule in the active language."""
        ...

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Return the rule in plain JSON types, for `schedule_from_json`."""
        ...

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first occurrence strictly after `instant`, in UTC; None where none comes."""
        return next(self.after(instant), None)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the occurrences later than `after` and not later than `until`."""
        return takewhile(lambda occurrence: occurrence <= until, self.after(after))

    def first(self, count: int, after: datetime) -> list[datetime]:
        """Return the first occurrences strictly after `after`, at most `count`."""
        return list(islice(self.after(after), count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash(str(self))
