"""The engine's rows, and their guarded changes."""

from automation.models.after_commit import AfterCommit
from automation.models.asked import name_of
from automation.models.attempts import attempts_of
from automation.models.calendar import Calendar
from automation.models.claiming import Slot
from automation.models.coming import Coming, coming, coming_of
from automation.models.concurrency import OverlapPolicy
from automation.models.concurrency_group import ConcurrencyGroup
from automation.models.execution import Execution, ExecutionQuerySet
from automation.models.execution_life import (
    ENTERED_FROM,
    FAILED,
    FINAL,
    OPEN,
    Kind,
    Status,
    Trigger,
)
from automation.models.held import (
    held_now,
    hold_now,
    holds_ahead,
    holds_between,
    holds_now,
    is_held,
)
from automation.models.history import changes_between, history_of
from automation.models.hold import Hold, Holds
from automation.models.lateness import CatchUp
from automation.models.log import LogLine
from automation.models.maintenance_window import MaintenanceWindow
from automation.models.naming import title_of
from automation.models.node import Known, Node, Silence
from automation.models.notice import Notice, NoticeEvent, NoticeQuerySet
from automation.models.pause import Pause
from automation.models.process import DefaultProcess, Process, ProcessQuerySet
from automation.models.schedule_version import ScheduleVersion, Span
from automation.models.timing import ScheduleKind, TriggerType, column_of
from automation.models.unstarted import (
    Cause,
    extend_newest,
    nothing_running,
    outage_at,
    record_unstarted,
)
from automation.models.zones import site_zone, zone_or_sites

__all__ = [
    "ENTERED_FROM",
    "FAILED",
    "FINAL",
    "OPEN",
    "AfterCommit",
    "Calendar",
    "CatchUp",
    "Cause",
    "Coming",
    "ConcurrencyGroup",
    "DefaultProcess",
    "Execution",
    "ExecutionQuerySet",
    "Hold",
    "Holds",
    "Kind",
    "Known",
    "LogLine",
    "MaintenanceWindow",
    "Node",
    "Notice",
    "NoticeEvent",
    "NoticeQuerySet",
    "OverlapPolicy",
    "Pause",
    "Process",
    "ProcessQuerySet",
    "ScheduleKind",
    "ScheduleVersion",
    "Silence",
    "Slot",
    "Span",
    "Status",
    "Trigger",
    "TriggerType",
    "attempts_of",
    "changes_between",
    "column_of",
    "coming",
    "coming_of",
    "extend_newest",
    "held_now",
    "history_of",
    "hold_now",
    "holds_ahead",
    "holds_between",
    "holds_now",
    "is_held",
    "name_of",
    "nothing_running",
    "outage_at",
    "record_unstarted",
    "site_zone",
    "title_of",
    "zone_or_sites",
]
