"""`qcluster --run-once` in this very process, where no other one could see the database.

A database in memory belongs to the process that made it: a project's own tests have one.
"""

from contextlib import suppress

from automation.cluster import node
from automation.cluster.readiness import NotReadyError
from automation.cluster.stock import ordinary, project_schedules
from automation.engine.run import runner
from automation.engine.run.claims import claim_next
from automation.engine.start import due
from automation.queue import messages
from automation.queue.ordinary import take_ordinary


def run(*, run_once: bool) -> None:
    """Start what is due, and run what waits, one after the other; return when nothing is left.

    The process itself is not changed: no node is registered, no signal is handled. Raises
    NotReadyError where a node is asked for that goes on.
    """
    if not run_once:
        raise NotReadyError(
            "The database is in the memory of this process alone, where workers would not see it: "
            "use a file or PostgreSQL, or --run-once, which runs what waits in this process."
        )
    ordinary.announce_worker()
    project_schedules.start_due()
    if messages.serves_executions():
        due.tick()
    while _run_executions() or _run_ordinary():
        pass
    ordinary.announce_end_of_worker()


def _run_executions() -> int:
    claims = claim_next(1, node=node.new_name()) if messages.serves_executions() else []
    for claim in claims:
        runner.run(claim)
    return len(claims)


def _run_ordinary() -> int:
    taken = take_ordinary(1)
    for message in taken:
        with suppress(SystemExit):  # A task may end the process, as it may in a worker.
            ordinary.work(message, begun=lambda _limit: None)
    return len(taken)
