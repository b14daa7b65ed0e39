"""The workers of a node: how many there are, what they run, and which have died."""

import logging
from collections.abc import Iterator
from uuid import UUID

from automation.cluster.worker_process import Assignment, WorkerProcess
from automation.database import forking
from automation.engine.end import cancel_requests
from automation.engine.run.claims import Claim
from automation.models import Execution

logger = logging.getLogger(__name__)


class Pool:
    def __init__(self, size: int) -> None:
        self.size = size
        self.workers: list[WorkerProcess] = []

    @property
    def assignments(self) -> list[Assignment]:
        return [worker.assignment for worker in self.workers if worker.assignment]

    @property
    def claims(self) -> list[Claim]:
        return [work.claim for work in self.assignments if work.claim]

    @property
    def idle(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.is_idle]

    def fill(self) -> None:
        """Start workers until there are as many as there should be."""
        while len(self.workers) < self.size:
            taken = {worker.child.name for worker in self.workers}
            number = next(n for n in range(1, 1000) if f"worker {n}" not in taken)
            forking.before()
            self.workers.append(WorkerProcess(number))

    def hear(self) -> Iterator[Assignment]:
        """Read what the workers send; yield the runs that have ended."""
        for worker in self.workers:
            ended = worker.heard()
            if ended is not None:
                yield ended

    def remove_dead(self) -> Iterator[WorkerProcess]:
        """Remove dead workers from the pool; yield them, with what they ran."""
        for worker in list(self.workers):
            if worker.child.is_alive:
                continue
            worker.heard()
            worker.child.kill()  # and what it has started and left behind
            worker.pipe.close()
            self.workers.remove(worker)
            if worker.assignment is not None or not worker.is_leaving:
                logger.warning("%s ended with %s.", worker.child.name, worker.child.exit_code)
            yield worker

    def kill_overdue(self) -> None:
        """Kill workers whose run goes on although it was interrupted."""
        for worker in self.workers:
            work = worker.assignment
            if work and work.is_overdue and not worker.is_leaving:
                logger.warning("%s does not end its run; it is killed.", worker.child.name)
                worker.kill()

    def kill_all(self) -> None:
        for worker in self.workers:
            worker.kill()

    def kill_those_that_lost(self, executions: set[int]) -> None:
        """Kill workers that run one of these executions, which are no longer this node's."""
        for worker in self.workers:
            claim = worker.assignment and worker.assignment.claim
            if claim and claim.execution.pk in executions:
                logger.error("%s was given to another node.", claim.execution)
                worker.kill()

    def dismiss_idle(self) -> None:
        for worker in self.idle:
            worker.dismiss()

    def interrupt_what_was_asked_for_beside_the_database(self) -> None:
        """Interrupt what a person cancelled by a file, where a run may lock the whole database."""
        if cancel_requests.asked():
            for worker in self.workers:
                claim = worker.assignment and worker.assignment.claim
                if claim and cancel_requests.is_asked_for(claim.execution):
                    worker.cancel()

    def interrupt_what_was_asked_for(self) -> None:
        """Interrupt what a person cancelled, as the database has it."""
        running: dict[UUID, WorkerProcess] = {
            work.claim.token: worker
            for worker in self.workers
            if (work := worker.assignment) and work.claim
        }
        if running:
            ours = Execution.objects.all().claimed_with(running)
            asked = ours.filter(cancel_requested_at__isnull=False)
            for token in asked.values_list("token", flat=True):
                if token:
                    running[token].cancel()
