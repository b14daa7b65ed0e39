"""What an edit of a schedule changes."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from automation.schedule.rule import Rule

#: Instants that are compared at most.
MOST_COMPARED = 500


@dataclass(frozen=True)
class Difference:
    """The coming occurrences of two rules, in order; each instant is in one of three lists.

    `vanish`: of the old rule alone. `appear`: of the new one alone. `stay`: of both.
    `compared_until`: later occurrences were not compared, because there are too many.
    """

    vanish: tuple[datetime, ...]
    appear: tuple[datetime, ...]
    stay: tuple[datetime, ...]
    compared_until: datetime

    @property
    def is_none(self) -> bool:
        return not (self.vanish or self.appear)


def difference(
    old: Rule | None,
    new: Rule | None,
    after: datetime,
    until: datetime,
    at_most: int = MOST_COMPARED,
) -> Difference:
    """Compare what two rules have due later than `after` and not later than `until`.

    A rule that is None has nothing due. The comparison ends after `at_most` instants, and says up
    to when it came.
    """
    # One more of each than are compared, to know whether there are more.
    old_instants, new_instants = (
        set(islice(rule.between(after, until), at_most + 1)) if rule else set()
        for rule in (old, new)
    )
    instants = sorted(old_instants | new_instants)
    compared, is_cut = instants[:at_most], len(instants) > at_most
    return Difference(
        vanish=tuple(at for at in compared if at not in new_instants),
        appear=tuple(at for at in compared if at not in old_instants),
        stay=tuple(at for at in compared if at in old_instants and at in new_instants),
        compared_until=compared[-1] if is_cut else until,
    )
