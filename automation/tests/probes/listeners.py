"""Who listens to django-q2's signals, and logs what was heard of tasks that are named for it."""

import logging
import os

from django_q import signals

logger = logging.getLogger(__name__)

NAMES = ("pre_enqueue", "pre_execute", "post_execute_in_worker", "post_execute")


def connect() -> None:
    signals.post_spawn.connect(heard_spawn)
    for name in NAMES:
        getattr(signals, name).connect(LISTENERS[name])


def heard_spawn(proc_name: str, **_) -> None:
    os.environ["SPAWNED_FOR"] = proc_name
    logger.info("heard post_spawn of %s", proc_name)


def _listener(name: str):
    def listen(task: dict, **_) -> None:
        if task["name"].startswith("signalled"):
            logger.info("heard %s of %s", name, task["name"])

    return listen


LISTENERS = {name: _listener(name) for name in NAMES}
