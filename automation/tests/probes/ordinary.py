"""What a project queues by django-q2 itself. A group stands for what a task wrote."""

import os
import signal
import sys
import time
from uuid import uuid4

from django.contrib.auth.models import Group
from django_q.tasks import async_task

PATH = "automation.tests.probes.ordinary."


def write(name: str) -> None:
    """Each call is a group of its own."""
    Group.objects.create(name=f"{name} {uuid4().hex}")


def double(number: int) -> int:
    return 2 * number


def write_and_double(number: int, name: str = "doubled") -> int:
    write(name)
    return double(number)


def hook(task) -> None:
    write(f"hook of {task.name}: {task.success}")


def fail(name: str = "failed") -> None:
    write(name)
    raise ValueError("no luck")


def leave() -> None:
    sys.exit("enough")


def be_killed() -> None:
    write("killed")
    os.kill(os.getpid(), signal.SIGKILL)


def take_long(seconds: float = 60) -> None:
    write("took long")
    time.sleep(seconds)


def hang_in_c() -> None:
    """No signal handler of Python's runs before it returns."""
    write("hung")
    sum(range(10**12))


def give_back_what_cannot_be_pickled():
    write("unpicklable")
    return (n for n in range(3))


class KillsItsReader:
    """An argument that kills every process that unpickles it."""

    def __reduce__(self):
        return os._exit, (7,)


def raise_on_reading():
    raise ImportError("no such class any more")


class RaisesOnReading:
    def __reduce__(self):
        return raise_on_reading, ()


def queue_another() -> str:
    return async_task(PATH + "double", 21, task_name="queued by a task")


def pid() -> int:
    return os.getpid()


def spawned_for() -> str | None:
    """The name of the worker for which post_spawn was sent in this process."""
    return os.environ.get("SPAWNED_FOR")
