"""The engine's rows, and the guarded changes they allow."""

from automation.models.attempts import attempts_of
from automation.models.concurrency_group import ConcurrencyGroup
from automation.models.execution import (
    ENTERED_FROM,
    FINAL,
    Execution,
    ExecutionQuerySet,
    Kind,
    LastRun,
    Slot,
    Status,
    Trigger,
    last_runs,
    with_last_status,
)
from automation.models.history import changes_between
from automation.models.log import LogLine
from automation.models.node import Known, Node
from automation.models.notice import Notice, NoticeEvent, NoticeQuerySet
from automation.models.process import (
    CatchUp,
    DefaultProcess,
    OverlapPolicy,
    Process,
    ProcessQuerySet,
    TriggerType,
)

__all__ = [
    "ENTERED_FROM",
    "FINAL",
    "CatchUp",
    "ConcurrencyGroup",
    "DefaultProcess",
    "Execution",
    "ExecutionQuerySet",
    "Kind",
    "Known",
    "LastRun",
    "LogLine",
    "Node",
    "Notice",
    "NoticeEvent",
    "NoticeQuerySet",
    "OverlapPolicy",
    "Process",
    "ProcessQuerySet",
    "Slot",
    "Status",
    "Trigger",
    "TriggerType",
    "attempts_of",
    "changes_between",
    "last_runs",
    "with_last_status",
]
