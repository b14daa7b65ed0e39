"""The operation that starts times of the past."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.engine.start.backfill import backfill
from automation.models import Process
from automation.operations.operation import Asker, Operation, Said
from automation.reports.missed import why_no_times
from automation.reports.workers import workers
from automation.why_not import RefusedError, WhyNot

#: Times that are started at most without a confirmation.
MOST = 10_000


class Backfilled(NamedTuple):
    process: Process
    #: How many times were chosen, and how many of them were started.
    chosen: int
    started: int


def must_confirm(count: int) -> bool:
    """Whether so many times are started only after whoever asks confirms the number."""
    return count > MOST


def _backfill(
    who: Asker,
    process: Process,
    *,
    chosen: Sequence[datetime],
    again: bool = False,
    note: str = "",
    confirmed: int = 0,
) -> Backfilled:
    if must_confirm(len(chosen)) and confirmed < len(chosen):
        told = _("These are %(count)s executions: confirm that you mean so many.")
        count = number_format(len(chosen), force_grouping=True)
        raise RefusedError(WhyNot("not_confirmed", told % {"count": count}))
    started = backfill(process, chosen, again=again, by=who.user, by_name=who.name, note=note)
    return Backfilled(process, len(chosen), started)


def _said_of_backfill(done: Backfilled) -> list[Said]:
    if not done.chosen:
        return [Said.plainly(_("Nothing was started: what was missed stays as it is."))]
    told = ngettext(
        "%(started)s of %(count)s time is queued.",
        "%(started)s of %(count)s times are queued.",
        done.chosen,
    )
    told %= {"started": number_format(done.started), "count": number_format(done.chosen)}
    absence = workers().absence_for(done.process.function) if done.started else ""
    is_well = done.started and not absence
    return [Said.plainly(f"{told} {absence}".rstrip(), "success" if is_well else "warning")]


#: Its subject is a process. Options: the `chosen` times, `again` (also times that succeeded), `note`,
#: and how many are `confirmed` where there are very many.
BACKFILL = Operation(
    "backfill",
    "automation.run_process",
    act=_backfill,
    say=_said_of_backfill,
    obstacle=why_no_times,
)
