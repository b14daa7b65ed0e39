"""The engine's pages in the Django admin."""

from automation.admin import queue  # noqa: F401  # replaces pages
from automation.admin.calendar import CalendarAdmin
from automation.admin.execution.page import ExecutionAdmin
from automation.admin.group import ConcurrencyGroupAdmin
from automation.admin.holds import MaintenanceWindowAdmin, PauseAdmin
from automation.admin.node import NodeAdmin
from automation.admin.notice import NoticeAdmin
from automation.admin.process.page import ProcessAdmin

__all__ = [
    "CalendarAdmin",
    "ConcurrencyGroupAdmin",
    "ExecutionAdmin",
    "MaintenanceWindowAdmin",
    "NodeAdmin",
    "NoticeAdmin",
    "PauseAdmin",
    "ProcessAdmin",
]
