"""The conditions for a start of what is due: a free slot, its turn, and a worker for it."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation import database
from automation.instants import to_second
from automation.models import Execution, Node, Status
from automation.parameters import ParameterError
from automation.queue.messages import default_queue
from automation.registry import is_taken_for_atomic
from automation.reports.explain.snapshot import Snapshot
from automation.reports.explain.steps import Step, blocks, ok, unknown

#: Runs, or nodes, that a sentence names at most.
NAMED = 5


def conditions_to_start(snapshot: Snapshot) -> list[Step]:
    parts = (_overlap, _group, _queue, _nodes, _function, _parameters, _writer)
    return [part(snapshot) for part in parts]


def _overlap(snapshot: Snapshot) -> Step:
    process, own = snapshot.process, snapshot.own_running
    told = _("Running at once: %(count)s of %(most)s")
    text = told % {"count": len(own), "most": process.max_concurrency}
    if own:
        text += f" ({_named(own)})"
    text += ". " + _("When that many run: %(policy)s.") % {
        "policy": process.get_overlap_policy_display()
    }
    if snapshot.is_ready and len(own) >= process.max_concurrency:
        return blocks("overlap", text, _("Wait for its end, cancel it, or allow more at once."))
    return ok("overlap", text)


def _group(snapshot: Snapshot) -> Step:
    group = snapshot.process.concurrency_group
    if group is None:
        return ok("group", _("It is in no concurrency group."))
    busy = [one for one in snapshot.running if one.concurrency_group_id == group.pk]
    told = _("Running in the group %(group)s: %(count)s of %(most)s")
    text = told % {"count": len(busy), "most": group.max_concurrency, "group": group.name}
    text += f" ({_named(busy)})." if busy else "."
    if snapshot.is_ready and len(busy) >= group.max_concurrency:
        return blocks("group", text, _("Wait for their end, or allow the group more at once."))
    return ok("group", text)


def _named(rows: list[Execution]) -> str:
    names = [f"{one}" for one in rows[:NAMED]]
    return _(", ").join([*names, *(["…"] if len(rows) > NAMED else [])])


def _queue(snapshot: Snapshot) -> Step:
    waiting = snapshot.waiting
    if waiting is None:
        return ok("queue", _("Nothing of its own waits."))
    if not snapshot.is_ready:
        told = _("#%(execution)s waits for its time, %(at)s.")
        at = to_second(waiting.available_at, snapshot.zone)
        remedy = _("Start it by hand where that is too late.")
        return blocks("queue", told % {"execution": waiting.pk, "at": at}, remedy)
    ahead = _ahead_of(waiting, snapshot.now)
    workers = sum(node.workers for node in snapshot.nodes)
    text = ngettext(
        "#%(execution)s waits; %(count)s is before it.",
        "#%(execution)s waits; %(count)s are before it.",
        ahead,
    ) % {"execution": waiting.pk, "count": ahead}
    busy = min(len(snapshot.running), workers)
    text += " " + _("Busy workers: %(busy)s of %(workers)s.") % {
        "busy": busy,
        "workers": workers,
    }
    if workers and busy >= workers:
        told = _("Wait for a worker, give it a higher priority, or run more workers.")
        return blocks("queue", text, told)
    return ok("queue", text)


def _ahead_of(waiting: Execution, now: datetime) -> int:
    earlier = Q(available_at__lt=waiting.available_at)
    earlier |= Q(available_at=waiting.available_at, pk__lt=waiting.pk)
    before = Q(priority__gt=waiting.priority) | (Q(priority=waiting.priority) & earlier)
    due = Execution.objects.filter(status=Status.PENDING, available_at__lte=now)
    return due.filter(before).count()


def _nodes(snapshot: Snapshot) -> Step:
    count = len(snapshot.nodes)
    if count:
        told = ngettext(
            "%(count)s node works: %(names)s.", "%(count)s nodes work: %(names)s.", count
        )
        names = _(", ").join(node.name for node in snapshot.nodes[:NAMED])
        return ok("nodes", told % {"count": count, "names": names})
    newest = Node.objects.filter(cluster=default_queue()).order_by("-seen_at").first()
    told = _("No node has ever run.")
    if newest is not None and newest.stopping_at and not newest.stopped_at:
        told = _("The node %(name)s is being stopped: it ends what it runs, and starts no more.")
        told %= {"name": newest.name}
    elif newest is not None:
        told = _("No node works; the last, %(name)s, was seen at %(at)s.") % {
            "name": newest.name,
            "at": to_second(newest.seen_at, snapshot.zone),
        }
    return blocks("nodes", told, _("Start one: manage.py qcluster."))


def _function(snapshot: Snapshot) -> Step:
    key = snapshot.process.function
    values = {"function": key}
    if snapshot.known is None:
        return unknown("function", _("No live node says what it knows.") % values)
    if key in snapshot.known.functions:
        return ok("function", _("Live nodes have %(function)s in their code.") % values)
    remedy = _("Deploy code that has it and restart the nodes, or choose another function.")
    return blocks("function", _("No live node has %(function)s in its code.") % values, remedy)


def _parameters(snapshot: Snapshot) -> Step:
    process, function = snapshot.process, snapshot.process.registered_function
    if function is None:
        return unknown("parameters", _("Its function is not in the code here."))
    try:
        given = function.parameters
        check = given.clean if process.is_time_based else given.check_given
        check(process.parameters)
    except (ParameterError, TypeError) as error:
        told = _("The stored parameters do not fit the function: %(error)s")
        return blocks("parameters", told % {"error": error}, _("Save it with parameters that fit."))
    return ok("parameters", _("The stored parameters fit the function."))


def _writer(snapshot: Snapshot) -> Step:
    if not database.one_writer() or not is_taken_for_atomic(snapshot.process.function):
        return ok("writer", _("Nobody who writes keeps it waiting."))
    others = [one for one in snapshot.running if is_taken_for_atomic(one.function)]
    if not (others and snapshot.is_ready):
        return ok("writer", _("Nobody who writes keeps it waiting."))
    told = _("On SQLite one atomic run goes on at a time: %(runs)s.") % {"runs": _named(others)}
    return blocks("writer", told, _("Wait for its end, or move to PostgreSQL."))
