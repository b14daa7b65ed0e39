"""The Stat of this node in the cache, which django-q2's `qinfo`, `qmonitor` and `qmemory` show."""

import logging
import os
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.exceptions import TimeoutException
from django_q.signing import SignedPackage
from django_q.status import Stat, Status
from django_q.timeout import TimeoutHandler

from automation.engine.run import lease

logger = logging.getLogger(__name__)

#: Seconds between two writes at least, for which one is shown, and until a cache that failed is tried
#: again.
EVERY, SHOWN_FOR, PAUSE = 2, 15, 60
#: Seconds that the cache may take: meanwhile no lease is renewed.
WRITE_WITHIN = 1


class PublishedStat:
    def __init__(self, node: str, pid: int) -> None:
        """`pid`: of the node's parent."""
        # Its own __init__ asks django-q2's Sentinel, which is not here.
        self.stat: Any = Stat.__new__(Stat)
        Status.__init__(self.stat, pid, cluster_id=uuid5(NAMESPACE_OID, node))
        self.stat.sentinel, self.stat.tob = os.getpid(), timezone.now()
        self.stat.broker = Broker()
        self.not_before = lease.now() if _is_seen_elsewhere(self.stat.broker.cache) else None

    def publish(
        self, *, is_stopping: bool, workers: Sequence[int], in_hand: int, unrecorded: int
    ) -> None:
        """Write the Stat, unless that was just done, or nobody else sees the cache."""
        if self.not_before is None or lease.now() < self.not_before:
            return
        status = Conf.WORKING if in_hand else Conf.IDLE
        self.stat.status = Conf.STOPPING if is_stopping else status
        self.stat.workers = list(workers)
        self.stat.task_q_size, self.stat.done_q_size = in_hand, unrecorded
        self.stat.timestamp = timezone.now()
        self.not_before = lease.now() + (EVERY if self._save() else PAUSE)

    def count_replaced_worker(self) -> None:
        self.stat.reincarnations += 1

    def publish_the_end(self) -> None:
        if self.not_before is not None:
            self.stat.status, self.stat.workers = Conf.STOPPED, []
            self._save()

    def _save(self) -> bool:
        try:
            with TimeoutHandler(WRITE_WITHIN):
                text = SignedPackage.dumps(self.stat, True)
                self.stat.broker.set_stat(self.stat.key, text, SHOWN_FOR)
        except (Exception, TimeoutException) as error:  # Runs go on without a cache.
            logger.warning("qinfo and qmonitor are shown nothing: %r", error)
            return False
        return True


def _is_seen_elsewhere(cache: Any) -> bool:
    return cache is not None and not isinstance(cache, DummyCache | LocMemCache)
