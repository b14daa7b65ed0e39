"""Process functions that end in every way there is. A group stands for what a run wrote."""

import logging
import os
import sys
import time
from contextlib import suppress

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from automation import Run, command_process, process
from automation.tests.probes import (  # noqa: F401  # register their own
    following,
    hostile,
    outcomes,
    untidy,
)


@process
def greet(run: Run, *, name: str = "world", times: int = 1) -> dict:
    """Greet somebody."""
    run.log.info("Greeting %s", name)
    Group.objects.create(name=f"greeted {name} in run {run.execution_id}")
    return {"greeting": f"Hello {name}! " * times}


@process
def without_run() -> int:
    return 42


@process
def write_then_raise(run: Run) -> None:
    Group.objects.create(name="written before the error")
    logging.getLogger("probes").warning("About to fail")
    raise ValueError("no \0 luck")


@process(atomic=False)
def commit_then_raise(run: Run) -> None:
    Group.objects.create(name="committed before the error")
    raise ValueError("half way")


@process
def give_back(*, what: str) -> object:
    """Return what JSON cannot hold."""
    cycle: list = []
    cycle.append(cycle)
    return {
        "nan": float("nan"),
        "infinity": [float("inf")],
        "nul": {"text": "a\0b"},
        "surrogate": "\ud800",
        "set": {1, 2},
        "generator": (n for n in range(3)),
        "cycle": cycle,
    }[what]


@process
def leave() -> None:
    sys.exit("enough")


@process
def interrupt() -> None:
    raise KeyboardInterrupt


@process
def die() -> None:
    os._exit(1)


@process
def take_long(run: Run, *, seconds: float = 60, name: str = "the long sleep") -> str:
    Group.objects.create(name=f"written before {name}")
    run.log.info("Asleep")
    time.sleep(seconds)
    return "awake"


@process
def take_long_and_swallow(*, seconds: float = 60) -> str:
    """Swallow every ordinary exception."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(Exception):
            time.sleep(0.05)
    return "awake"


@process
def break_connection() -> str:
    Group.objects.create(name="written before the connection broke")
    connection.connection.close()
    return "done"


@process
def talk(run: Run, *, lines: int) -> None:
    for number in range(lines):
        run.log.debug("line %s", number)
    run.log.info("x" * 10_000)


@process(atomic=False)  # On SQLite an atomic run would hold up the others until it is killed.
def take_long_and_ignore_all(*, seconds: float = 60) -> str:
    """Swallow everything that can be raised."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(BaseException):
            time.sleep(0.05)
    return "awake"


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@process
def raise_what_cannot_be_shown(run: Run) -> None:
    try:
        raise ValueError("the first")
    except ValueError:
        run.log.exception("It went wrong")
    raise SilentError


@process
def sleep_in_the_database(*, seconds: int = 30) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


@process(atomic=False)
def sleep_in_the_database_not_atomic(*, seconds: int = 30) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


@process
def tag(*, tags: list[str]) -> list[str]:
    return tags


@process
def give_back_a_path() -> str:
    return r"C:\u0000 path"


@process
def name_its_day(run: Run) -> str:
    return run.scheduled_for.isoformat() if run.scheduled_for else ""


class SpanForm(forms.Form):
    first = forms.DateField()
    last = forms.DateField()
    group = forms.ModelChoiceField(Group.objects.all(), required=False)
    limit = forms.IntegerField(initial=10, min_value=1)

    def clean(self):
        if self.cleaned_data["first"] > self.cleaned_data["last"]:
            raise ValidationError("The first day is after the last.")


@process(form=SpanForm)
def report_on(*, first, last, group, limit) -> dict:
    """Report on the days of a span."""
    return {"days": (last - first).days + 1, "group": group and group.name, "limit": limit}


class RulesForm(forms.Form):
    day = forms.DateField(initial=lambda: timezone.localdate())
    rules = forms.JSONField(required=False)


@process(form=RulesForm)
def follow_rules(*, day, rules) -> dict:
    return {"day": day.isoformat(), "rules": rules}


@process(sensitive={"api_key"}, aliases=("probes.call_old_service",))
def call_service(*, api_key: str = "", retries: int = 2) -> int:
    """Call a service that wants a key."""
    return len(api_key)


@process(preview=True)
def write_and_promise(run: Run) -> dict:
    """Write a group, and do something elsewhere once that is certain."""
    Group.objects.create(name="kept")
    transaction.on_commit(lambda: Group.objects.create(name="done after the commit"))
    run.progress(1, 2, "half way")
    return {"preview": run.preview}


command_process("check", "--fail-level", "ERROR", description="Check the settings.")
command_process("loaddata", "no-such-fixture")
command_process("print_all")
