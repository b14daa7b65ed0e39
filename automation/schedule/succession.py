"""One rule until an instant, another one from it on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import Any

from django.utils.translation import gettext as _

from automation.instants import to_minute
from automation.schedule.rule import VERSION, Rule
from automation.schedule.zones import usable

_INSTANT = timedelta(microseconds=1)


class Succession(Rule):
    """Two rules: what `former` says before `begin`, and what `later` says from then on.

    Raises ScheduleError for a `begin` without a zone, or in a far year.
    """

    def __init__(self, former: Rule, later: Rule, begin: datetime) -> None:
        self.former, self.later, self.zone = former, later, later.zone
        self.begin = usable("schedule", begin)

    def __str__(self) -> str:
        return f"{self.former}, from {self.begin.isoformat()} {self.later}"

    @property
    def words(self) -> str:
        """Both rules in the active language."""
        told = _("%(later)s, from %(begin)s; until then: %(former)s")
        begin = to_minute(self.begin, self.zone, bare=True)
        return told % {"later": self.later.words, "former": self.former.words, "begin": begin}

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        before = takewhile(lambda at: at < self.begin, self.former.after(instant))
        return chain(before, self.later.after(max(instant, self.begin - _INSTANT)))

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "kind": "succession",
            "former": self.former.as_json(),
            "later": self.later.as_json(),
            "begin": self.begin.isoformat(),
        }
