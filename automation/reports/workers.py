"""Whether a worker is running, and since when not.

Everything that speaks of the future asks this first. A node counts as a whole: it keeps its own
clock alive, or ends.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from automation.instants import to_second
from automation.models import Execution, Known, Node, Process, Status, Trigger, coming
from automation.queue.messages import default_queue

#: The command that starts workers.
COMMAND = "python manage.py qcluster"


@dataclass(frozen=True)
class Workers:
    #: What the code of the live nodes knows; None where no node is live.
    known: Known | None
    #: Where no node is live: when the last one was seen; None where there never was one.
    seen_at: datetime | None
    #: Whether the last node is stopping: it ends what it runs, and starts nothing more.
    is_stopping: bool = False

    @property
    def absence(self) -> str:
        """A sentence that no worker is running, and since when; "" where one is."""
        if self.known is not None:
            return ""
        if self.seen_at is None:
            return _("No worker is running, and none ever was.")
        told = _("No worker is running since %(since)s.")
        if self.is_stopping:
            told = _(
                "The last workers are being stopped: they end what they run, and start no more."
            )
        return told % {"since": to_second(self.seen_at)}

    @property
    def remedy(self) -> str:
        """A sentence about what to do where no worker is running; "" where one is."""
        if self.known is not None:
            return ""
        told = _("What is due or started now waits until one does: %(command)s")
        return told % {"command": COMMAND}

    def absence_for(self, function: str) -> str:
        """Say why no worker can run this function, and what becomes of it; "" where one can."""
        if self.known is None:
            told = _("%(absence)s It starts when one does: %(command)s")
            return told % {"absence": self.absence, "command": COMMAND}
        if function not in self.known.functions:
            told = _(
                "No running worker has %(function)s in its code, so it will be skipped. Deploy the "
                "code that has it and restart the workers."
            )
            return told % {"function": function}
        return ""


def workers() -> Workers:
    """Look who is there, in one statement; nodes that serve another queue do not count."""
    nodes = Node.objects.filter(cluster=default_queue())
    newest = nodes.order_by("-seen_at").values("pk")[:1]
    with_state: QuerySet[Any] = nodes.with_state()
    there = Q(state__in=["live", "stopping"])
    rows = with_state.filter(there | Q(pk__in=newest)).order_by("pk")
    found = list(rows.values_list("state", "seen_at", "functions", "defaults"))
    live = [(functions, rules) for state, _at, functions, rules in found if state == "live"]
    if not live:
        seen_at = max((seen_at for _state, seen_at, _f, _d in found), default=None)
        return Workers(None, seen_at, any(state == "stopping" for state, *_ in found))
    return Workers(Known.of(live), None)


def why_it_waits(execution: Execution, around: Workers | None = None) -> str:
    """Say why a pending execution does not start as soon as a worker is free; "" where it does.

    `around`: the workers, where the caller has looked already.
    """
    if execution.status != Status.PENDING:
        return ""
    around = around or workers()
    held = why_held(execution)
    return " ".join(filter(None, [held, around.absence_for(execution.function)]))


def why_held(execution: Execution) -> str:
    """Say what holds a retry: pauses and maintenance do; not what a person started."""
    process: Process | None = execution.process
    if process is None or execution.trigger != Trigger.RETRY:
        return ""
    if not process.is_enabled:
        return _("It waits until its process is switched on.")
    hold = coming(process).hold
    if hold is None:
        return ""
    return _("It waits until nothing holds its process. %(why)s") % {"why": hold.in_words}


def silence_of(execution: Execution) -> str:
    """Say that the node on which an execution runs no longer reports itself; "" where it does."""
    if execution.status != Status.RUNNING:
        return ""
    of_it: QuerySet[Any] = Node.objects.with_state().filter(name=execution.node)
    node = of_it.exclude(state__in=["live", "stopping"]).first()
    if node is None:  # The node lives, or is a terminal, which has no row.
        return ""
    told = _(
        "Its worker was last seen at %(at)s: it counts as lost as soon as another worker notices. "
        "%(absence)s"
    )
    return (told % {"at": to_second(node.seen_at), "absence": workers().absence}).rstrip()
