"""Topics on which there may be work, by notifications of the database or by regular looks."""

import logging

from automation.database import driver, listen
from automation.database.plans import plans
from automation.engine.run import lease

logger = logging.getLogger(__name__)

#: Seconds between looks for work: without LISTEN, with it, and where LISTEN receives nothing.
POLL, POLL_BESIDE_LISTENING, POLL_WHEN_UNHEARD = 0.2, 5, 1

#: How a node learns of work, for its log; the number is the seconds between its own looks.
_LISTENING = "LISTEN receives what is notified; beside it, work is looked for each %s s."
_POLLING = "There is no LISTEN: work is looked for each %s s."
_UNHEARD = (
    "LISTEN hears nothing: a pooler that lends connections by the transaction? Work is looked for "
    "each %s s."
)


class Topics:
    """The topics that the dispatcher still has to take care of."""

    def __init__(self) -> None:
        self._waiting = {listen.RUN, listen.TASK, listen.CANCEL}
        self._listener: listen.Listener | None = None
        self._looked_at = lease.now()
        #: When the next execution that waits for its time may start.
        self._next_at: float | None = None
        self._said: str | None = None

    def __contains__(self, topic: str) -> bool:
        return topic in self._waiting

    @property
    def has_work(self) -> bool:
        """Whether there may be an execution or ordinary work to start."""
        return listen.RUN in self or listen.TASK in self

    def add(self, *topics: str) -> None:
        self._waiting.update(topics)

    def discard(self, topic: str) -> None:
        """Note that nothing is left to do on a topic."""
        self._waiting.discard(topic)

    def take(self, topic: str) -> bool:
        """Return whether there may be work on a topic, and discard it: the caller does the work."""
        found = topic in self
        self._waiting.discard(topic)
        return found

    def hear(self) -> None:
        """Listen where that is possible, and note the topics notified.

        Raises the errors of the database.
        """
        if self._listener is None and listen.can_listen():
            self._listener = listen.Listener()
        if self._listener is not None:
            self._waiting |= self._listener.heard()
            plans.keep(on=self._listener.hears)
        self._say_how()

    def _say_how(self) -> None:
        """Log the driver, and how the node learns of work, once that is known and when it changes."""
        how = self._how()
        if how is None or how == self._said:
            return
        self._said = how
        level = logging.WARNING if how == _UNHEARD else logging.INFO
        logger.log(level, "The database driver is %s. %s", driver.named(), how % self._poll)

    def _how(self) -> str | None:
        """None where the listener may still hear its own notification."""
        if self._listener is None:
            return _POLLING
        if self._listener.hears:
            return _LISTENING
        return _UNHEARD if self._listener.hears_nothing else None

    def run_ended(self) -> None:
        """Note that a run ended: executions that waited for its slot may start."""
        self.add(listen.RUN)
        if self._listener is None:
            self.add(listen.TASK)  # The run may have queued some.

    def expect(self, at: float | None) -> None:
        """Look for executions also at that time (`lease.now`); None: none waits for its time."""
        self._next_at = at

    def look_again(self) -> None:
        """Note all topics where nothing was notified for a while."""
        now = lease.now()
        if now >= self.deadline:
            self.add(listen.RUN, listen.TASK, listen.CANCEL)
            self._looked_at, self._next_at = now, None

    @property
    def deadline(self) -> float:
        """When to look again, if nothing is notified before."""
        regular = self._looked_at + self._poll
        return regular if self._next_at is None else min(regular, self._next_at)

    @property
    def _poll(self) -> float:
        if self._listener is None:
            return POLL
        return POLL_WHEN_UNHEARD if self._listener.hears_nothing else POLL_BESIDE_LISTENING

    @property
    def filenos(self) -> list[int]:
        """Return the descriptors that become readable when something is notified."""
        return [self._listener.fileno()] if self._listener else []

    def database_is_away(self) -> None:
        """Forget the listener: what was notified meanwhile is not known."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.add(listen.RUN, listen.TASK, listen.CANCEL)
