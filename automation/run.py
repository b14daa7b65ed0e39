"""Run: what a process function is told about its run, and how it reports back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Authors import this before there are models.
    from automation.models import Execution

#: The highest number of progress: the highest that its column holds.
MAX_COUNT = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a process function learns of its run; it gets it as its first positional parameter."""

    #: The row that records this run.
    execution: "Execution"
    #: When the run started, in the time zone of its process.
    now: datetime
    #: A logger; what is logged with it becomes log lines of the run.
    log: logging.Logger
    #: Of the engine: who hears of progress, and whether the run is to end.
    on_progress: Callable[["Execution"], None] = field(repr=False)
    is_interrupted: Callable[[], bool] = field(repr=False)

    @property
    def execution_id(self) -> int:
        """Id of the row that records this run; change rows point at it."""
        return self.execution.pk

    @property
    def scheduled_for(self) -> datetime | None:
        """The instant this run was due, or is made up for, in the time zone of its process.

        None where it is for no time of the schedule.
        """
        due = self.execution.scheduled_for
        return due.astimezone(self.now.tzinfo) if due else None

    @property
    def preview(self) -> bool:
        """Whether everything this run writes in the database is rolled back at its end."""
        return self.execution.is_preview

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far the run is; its page shows the newest, on PostgreSQL while the run goes on.

        Fractions are cut off. Raises ValueError for a count below 0 or beyond what a database keeps
        (2**63 - 1), TypeError for what is no number.
        """
        self.execution.progress_done = _count(done)
        self.execution.progress_total = None if total is None else _count(total)
        self.execution.progress_message = str(message)
        self.on_progress(self.execution)

    def cancelled(self) -> bool:
        """Whether the run was told to end: by a person, or by its time limit.

        An exception tells the function so, once, wherever it is at that moment. This method is for
        code that caught that exception to end in good order, for which it has 3 s.
        """
        return self.is_interrupted()


def _count(number: object) -> int:
    if not isinstance(number, int | float | Decimal | Real):
        raise TypeError(f"Progress is counted in numbers; {type(number).__name__} is none.")
    try:
        count = int(number)  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:  # Not a number, or infinity.
        raise ValueError(f"Progress is a number from 0 to {MAX_COUNT}, not {number}.") from error
    if not 0 <= count <= MAX_COUNT:
        shown = count if abs(count) < 10**30 else "one of more than 30 digits"
        raise ValueError(f"Progress is a number from 0 to {MAX_COUNT}, not {shown}.")
    return int(count)
