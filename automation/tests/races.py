"""Staged races: real threads on real connections."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from django.db import connection


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all the calls at the same moment, each on a connection of its own; return what they did.

    What a call raised is raised here.
    """
    barrier, results, errors = Barrier(len(calls)), list[Any](), list[BaseException]()

    def run(call: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results
