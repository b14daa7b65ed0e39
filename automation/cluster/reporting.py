"""What a dispatcher reports: that its node lives, renews its leases, and stops."""

import logging
from collections.abc import Iterable
from datetime import datetime
from multiprocessing.connection import Connection

from automation.cluster import node
from automation.engine.end import recovery
from automation.engine.run import lease
from automation.engine.run.claims import Claim
from automation.models import Execution, Node, reasons

logger = logging.getLogger(__name__)

#: Seconds between reports where nothing is renewed.
REPORT = 5


class Reporting:
    """The row of this node, the leases of its claims, and signs of life to the parent."""

    def __init__(self, me: node.Itself, parent: Connection) -> None:
        self._me, self._parent = me, parent
        self._length = lease.length()
        self._renewed_at = lease.now()
        self._node_id: int | None = None
        self._has_said_that_it_stops = False

    def begin(self) -> None:
        """Take over from a dead dispatcher of this node, if there was one.

        Its workers died with it.
        """
        if self._node_id is None:
            node.give_up_dead_nodes(self._me.name, self._me.pid)
            recovery.mark_lost_of_node(self._me.name, reasons.NODE_DIED)
            self._node_id = self._me.register()
            self._tell_parent()

    @property
    def deadline(self) -> float:
        """When it is time to renew."""
        length = self._length
        return self._renewed_at + (length.total_seconds() * lease.RENEW if length else REPORT)

    def renew(self, claims: Iterable[Claim]) -> set[int] | None:
        """Report, and renew the leases, if it is time to; otherwise return None.

        Returns the executions that are no longer this node's.
        """
        now = lease.now()
        if now < self.deadline:
            return None
        tokens = {claim.execution.pk: claim.token for claim in claims}
        gone: set[int] = set()
        if tokens and self._length:
            gone = Execution.objects.all().renew(tokens, self._length)
        Node.objects.report(self._node_id or 0)
        self._renewed_at = now  # as of before the statements
        self._tell_parent()
        return gone

    def _tell_parent(self) -> None:
        """Give the parent a sign of life: it kills a dispatcher that gives none in time."""
        self._parent.send(self._renewed_at)

    def nothing_is_promised(self) -> None:
        """Note that nothing runs, so that nobody waits for a lease of ours."""
        self._renewed_at = lease.now()
        self._tell_parent()

    @property
    def lease_ends(self) -> bool:
        """Whether leases were not renewed for so long that others may soon claim."""
        if self._length is None:
            return False
        return lease.now() - self._renewed_at > self._length.total_seconds() * lease.GIVE_UP

    def say_that_it_stops(self, since: datetime | None) -> None:
        """Store that the node is stopping; on SQLite this waits for an atomic run."""
        if self._node_id is not None and not self._has_said_that_it_stops:
            node.stopping(self._node_id, since)
            self._has_said_that_it_stops = True

    def say_that_it_has_stopped(self, since: datetime | None) -> None:
        if self._node_id is not None:
            node.stopped(self._node_id, since)
