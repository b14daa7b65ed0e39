"""A comparison of the old scheduler's times with those of the process."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from automation.adoption.found import After, Times
from automation.schedule import ClockChange, clock_changes

#: Clock changes that are looked at.
CHANGES = 2

#: The span that is compared around a clock change: an old scheduler may differ beyond the day itself.
_BEFORE, _BEHIND = timedelta(days=1), timedelta(days=2)


@dataclass(frozen=True)
class AtChange:
    """The times around a clock change at which only one of the two schedulers runs.

    `goes_on`: they also differ afterwards. `at_once`: how often the old scheduler starts the work
    at the one instant behind the change.
    """

    change: ClockChange
    only_ours: tuple[datetime, ...]
    only_old: tuple[datetime, ...]
    goes_on: bool
    at_once: int = 1

    def remark(self, scheduler: str) -> str:
        """A sentence about what the old scheduler does, and what cron does; "" where they agree."""
        if not (self.only_ours or self.only_old):
            return self._said_of_skipped(scheduler)
        goes_on = ", and goes on so" if self.goes_on else ""
        return f"{scheduler} {self._said_of_old}{goes_on}. {self._said_of_ours}"

    def _said_of_skipped(self, scheduler: str) -> str:
        if self.at_once <= 1:
            return ""
        return (
            f"{scheduler} starts it {self.at_once} times at once, one for each time until then; a "
            "process starts once."
        )

    @property
    def _said_of_old(self) -> str:
        if not self.only_old:
            return f"leaves out {_times(len(self.only_ours))}"
        if not self.only_ours:
            return f"runs {_times(len(self.only_old))} too often"
        return "runs at other times than its rule says"

    @property
    def _said_of_ours(self) -> str:
        if self.change.move > timedelta(0):
            return (
                "Ours, as cron: a fixed time that the clocks skip runs at once after it, a rule "
                "with * in minute or hour follows the clock."
            )
        return (
            "Ours, as cron: a fixed time that comes twice runs at the first, a rule with * in "
            "minute or hour at both."
        )


@dataclass(frozen=True)
class Comparison:
    """The next times of both schedulers, and how they differ at clock changes.

    `ours`: the next times of the process. `old`: those of the old scheduler until the last of
    `ours`; None where they are not known.
    """

    ours: list[datetime]
    old: list[datetime] | None
    at_changes: list[AtChange] | None


def compare(times: Times, after: datetime, count: int) -> Comparison:
    ours = times.ours.first(count, after)
    if times.old is None:
        return Comparison(ours, None, None)
    old = list(_between(times.old, after, ours[-1])) if ours else []
    changes = clock_changes(times.ours.zone, after, CHANGES)
    return Comparison(ours, old, [_at(change, times, times.old, after) for change in changes])


def _at(change: ClockChange, times: Times, old: After, after: datetime) -> AtChange:
    ours = times.ours
    begin, end = max(after, change.at - _BEFORE), change.at + _BEHIND
    by_us, by_old = set(ours.between(begin, end)), set(_between(old, begin, end))
    return AtChange(
        change,
        only_ours=tuple(sorted(by_us - by_old)),
        only_old=tuple(sorted(by_old - by_us)),
        goes_on=next(old(end), None) != ours.next_after(end),
        at_once=times.at_once(change) if change.at > after else 1,
    )


def _between(times: After, after: datetime, until: datetime) -> Iterator[datetime]:
    return takewhile(lambda at: at <= until, times(after))


def _times(number: int) -> str:
    return "one time" if number == 1 else f"{number} times"
