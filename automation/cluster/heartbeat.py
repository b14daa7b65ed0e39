"""The heartbeat: an address that is requested while the node is healthy.

A monitor of that address notices a dead host, and a node that hangs. The parent has a process of
its own request it, so that it never waits itself.
"""

import logging
import urllib.request
from collections.abc import Iterable
from functools import partial

from automation.cluster.children import Child
from automation.conf import setting
from automation.engine.run import lease
from automation.notifications.time_limit import at_most

logger = logging.getLogger(__name__)

#: Seconds between requests, and seconds that one may take.
EVERY, TIME_LIMIT = 60, 10
#: Seconds after its last sign of life for which a part counts as healthy; more where a lease is so
#: long that the dispatcher gives one less often.
RECENT = 30
#: Seconds after which a request that heeds no limit is killed.
KILL_AFTER = TIME_LIMIT + 5


class Heartbeat:
    def __init__(self) -> None:
        self.url = str(setting("HEARTBEAT_URL"))
        self.child: Child | None = None
        self.asked_at: float | None = None
        self.is_failing = False
        length = lease.length()
        renewed = length.total_seconds() * lease.RENEW if length else 0
        self.recent = max(RECENT, 2 * renewed)

    @property
    def pids(self) -> set[int]:
        return {self.child.pid} if self.child is not None else set()

    def look(self, spoke_at: Iterable[float | None]) -> None:
        """Request the address if it is time to and all parts of the node gave a sign of life."""
        now = lease.now()
        self._hear(now)
        is_due = self.asked_at is None or now - self.asked_at >= EVERY
        if not self.url or self.child is not None or not is_due:
            return
        if all(at is not None and now - at <= self.recent for at in spoke_at):
            self.asked_at = now
            ask = partial(request, self.url, is_quiet=self.is_failing)
            self.child = Child("heartbeat", ask, own_group=True)

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()

    def _hear(self, now: float) -> None:
        """Take note of how a request went."""
        if self.child is None or self.asked_at is None:
            return
        if self.child.is_alive:
            if now - self.asked_at > KILL_AFTER:
                logger.warning("The heartbeat's address does not answer.")
                self.child.kill()
            return
        has_failed = self.child.exit_code != 0
        if self.is_failing and not has_failed:
            logger.info("The heartbeat is sent again.")
        self.is_failing, self.child = has_failed, None


def request(url: str, *, is_quiet: bool = False) -> None:
    """Request an address; exit with 1 where that fails.

    The address is a secret: it appears in no log.
    """
    try:
        with (
            at_most(TIME_LIMIT, "The heartbeat's address"),
            urllib.request.urlopen(url, timeout=TIME_LIMIT) as answer,  # noqa: S310  # checks.py: http alone
        ):
            answer.read(1)
    except Exception as error:
        if not is_quiet:
            logger.warning("The heartbeat cannot be sent, and is tried each minute: %s", error)
        raise SystemExit(1) from None
