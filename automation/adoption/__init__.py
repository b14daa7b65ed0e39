"""What another scheduler holds, read as processes: a crontab, celery beat's rows, django-q2's own.

Each reader gives a `Reading`; `compare` sets the old scheduler's times beside ours; `create` makes a
process of what can be one. Nothing here runs or stores what the old scheduler runs: only registered
functions.
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
