"""The row of this node: its name, and what it reports of itself."""

import logging
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.db.models.functions import Now

from automation import database, registry
from automation.conf import default_time_zone, release
from automation.engine.end import recovery
from automation.models import Node, Process, TriggerType, reasons
from automation.queue.messages import queue_name, serves_executions
from automation.schedule import ScheduleError

logger = logging.getLogger(__name__)


def new_name() -> str:
    """Return host and process id, with a part that no later process of that id has."""
    return f"{socket.gethostname()[:150]}:{os.getpid()}-{uuid4().hex[:4]}"


@dataclass(frozen=True)
class Itself:
    """What this node reports of itself."""

    name: str
    pid: int  # of the parent process
    workers: int
    stop_grace: float | None  # seconds; None: the time limit of what runs

    def register(self) -> int:
        """Write the row of this node; return its id. An existing row is used again."""
        known = Node.objects.filter(name=self.name).values_list("pk", flat=True).first()
        if known is not None:
            return int(known)
        node = Node(
            name=self.name,
            host=socket.gethostname()[:150],
            pid=self.pid,
            pid_space=_pid_space(),
            cluster=queue_name(),
            workers=self.workers,
            stop_grace=self.stop_grace,
            release=release(),
            functions=_functions(),
            defaults=_defaults(),
            time_zone=default_time_zone(),
        )
        if serves_executions():
            _tell_of_changed_zone()
        node.save()
        _warn_of_other_defaults(node)
        return int(node.pk)


def _tell_of_changed_zone() -> None:
    """Log that the default zone differs from that of the node that started before."""
    last = Node.objects.exclude(time_zone="").order_by("-id").first()
    zone = default_time_zone()
    if last is None or last.time_zone == zone:
        return
    followers = Process.objects.filter(timezone="", trigger_type=TriggerType.TIME_BASED)
    logger.info(
        "The default time zone is %s; on node %s, which started last, it was %s. %s processes with "
        "a schedule follow it: their times are read in %s now.",
        *(zone, last.name, last.time_zone, followers.count(), zone),
    )


def stopping(pk: int, since: datetime | None) -> None:
    """Store that the node starts nothing more."""
    Node.objects.report(pk, stopping_at=since)


def stopped(pk: int, since: datetime | None) -> None:
    """Store that the node has stopped.

    `since`: when it was asked to.
    """
    Node.objects.report(pk, stopping_at=since, stopped_at=Now())


def give_up_dead_nodes(own_name: str, own_pid: int) -> None:
    """End what ran on nodes that are certainly dead, without awaiting a lease.

    These are nodes of this host whose processes are gone (or whose id is now ours: in a container
    that is started again). On SQLite they are all others, as this node alone has the lock of the
    file.
    """
    others = Node.objects.filter(stopped_at__isnull=True).exclude(name=own_name)
    is_alone = database.one_host()
    if not is_alone:
        others = others.filter(pid_space=_pid_space()).exclude(pid_space="")
    for node in others:
        if is_alone or node.pid == own_pid or not _lives(node.pid):
            lost = recovery.mark_lost_of_node(node.name, reasons.NODE_DIED)
            Node.objects.filter(pk=node.pk).update(stopped_at=Now())
            logger.warning("Node %s died; executions that it was running: %s.", node.name, lost)


def _pid_space() -> str:
    """Return where a process id is unique: boot of the host, and namespace; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _is_no_zombie(pid)


def _is_no_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _functions() -> list[str]:
    """Return the functions that the node can run; none where it serves another queue."""
    if not serves_executions():
        return []
    return registry.keys()


def _defaults() -> dict[str, str]:
    found = {}
    for function in registry.all_functions():
        try:
            found[function.key] = function.default_cron
        except ScheduleError as error:
            found[function.key] = f"({error})"
    return found


def _warn_of_other_defaults(node: Node) -> None:
    """Warn of nodes with other default rules or zones: they would move schedules to and fro."""
    for other in Node.objects.live().exclude(pk=node.pk):
        if other.time_zone not in {"", node.time_zone}:
            logger.warning(
                "The default time zone here is %s, on node %s it is %s. Schedules that follow it "
                "stay as they are until they agree.",
                node.time_zone,
                other.name,
                other.time_zone,
            )
        for key, rule in node.defaults.items():
            if other.defaults.get(key, rule) != rule:
                logger.warning(
                    "%s: the default rule here is %r, on node %s it is %r. The schedule stays as it "
                    "is until they agree.",
                    key,
                    rule,
                    other.name,
                    other.defaults[key],
                )
