"""Processes made of what another scheduler holds: a crontab, celery beat's or django-q2's rows.

Each reader returns a `Reading`. `compare` sets the old scheduler's times beside ours. `create`
makes processes. Nothing here runs or stores what the old scheduler runs: a process runs a
registered function.
"""

from automation.adoption.comparing import AtChange, Comparison, compare
from automation.adoption.creating import create
from automation.adoption.found import Found, NotAdoptableError, Reading, Skipped, Work

__all__ = [
    "AtChange",
    "Comparison",
    "Found",
    "NotAdoptableError",
    "Reading",
    "Skipped",
    "Work",
    "compare",
    "create",
]
