"""Receivers of signals: each calls one function for what follows a saved or deleted row."""

import sys
from collections.abc import Sequence
from typing import Any

from automation.database import listen
from automation.engine.end import pausing
from automation.engine.upkeep.defaults import create_default_processes
from automation.engine.upkeep.groups import create_groups
from automation.models import Calendar, Process
from automation.queue import schedules


def process_saved(instance: Process, raw: bool, **_: Any) -> None:
    if not raw:
        schedules.sync(instance)


def process_about_to_be_deleted(instance: Process, **_: Any) -> None:
    pausing.let_go(instance, by=getattr(instance, "_history_user", None))


def process_deleted(instance: Process, **_: Any) -> None:
    schedules.remove(instance.pk, instance.name)


def calendar_saved(instance: Calendar, raw: bool, **_: Any) -> None:
    if not raw:
        schedules.sync_calendar(instance)


def schedule_about_to_be_saved(instance: Any, raw: bool, **_: Any) -> None:
    if not raw:
        schedules.correct(instance)


def schedule_saved(raw: bool, **_: Any) -> None:
    if not raw:
        listen.notify(listen.SCHEDULE)


def schedule_deleted(**_: Any) -> None:
    listen.notify(listen.SCHEDULE)


def message_saved(raw: bool, **_: Any) -> None:
    """Wake the workers for ordinary work; a message of an execution is saved without signals."""
    if not raw:
        listen.notify(listen.TASK)


def migrated(using: str, verbosity: int, plan: Sequence[tuple[Any, bool]] = (), **_: Any) -> None:
    """Create default processes and groups after `migrate`.

    `plan` pairs each migration with whether it was undone; where one was, the tables may be gone.
    """
    if using == "default" and not any(undone for _migration, undone in plan):
        for process in create_default_processes():
            if verbosity:
                sys.stdout.write(f"  Created process {process.name}.\n")
        for group in create_groups():
            if verbosity:
                sys.stdout.write(f"  Created group {group}.\n")
