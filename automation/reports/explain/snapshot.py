"""What happens around a process at this moment, to explain why it does not run."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from automation.models import Coming, Execution, Known, Node, Process, Status, coming
from automation.queue import schedules
from automation.queue.messages import default_queue


@dataclass
class Snapshot:
    """What happens around a process at this moment, each part read once."""

    process: Process
    now: datetime
    zone: ZoneInfo

    @cached_property
    def running(self) -> list[Execution]:
        """The running executions of all processes: there are as many as workers."""
        columns = ("process", "process_name", "function", "status", "kind", "concurrency_group")
        times = ("started_at", "available_at", "completed_at", "scheduled_for", "slot", "node")
        reason = ("reason", "reason_data", "trigger", "attempt")
        rows = Execution.objects.filter(status=Status.RUNNING).order_by("id")
        return list(rows.only(*columns, *times, *reason))

    @property
    def own_running(self) -> list[Execution]:
        return [
            one for one in self.running if one.process_id == self.process.pk and not one.is_preview
        ]

    @cached_property
    def waiting(self) -> Execution | None:
        """The pending execution of the process that may start first."""
        rows = self.process.executions.real().filter(status=Status.PENDING)
        return rows.order_by("available_at", "id").first()

    @property
    def is_ready(self) -> bool:
        """Whether an execution of the process is due, and nothing of its own delays it."""
        return self.waiting is not None and self.waiting.available_at <= self.now

    @cached_property
    def coming(self) -> Coming:
        """When it starts next, by all that holds it."""
        return coming(self.process)

    @cached_property
    def next_run(self) -> datetime | None:
        """When the Schedule row of the process is due, which may be past."""
        at: datetime | None = schedules.next_run_of(self.process.pk)
        return at

    @cached_property
    def nodes(self) -> list[Node]:
        return list(Node.objects.live().filter(cluster=default_queue()).order_by("pk"))

    @property
    def known(self) -> Known | None:
        return Known.to(self.nodes) if self.nodes else None
