"""The mailer: sends notices that are due, one mail at a time, each from a process of its own.

So a mail server that does not answer delays no worker, no dispatcher and no clock.
"""

import logging
from functools import partial
from uuid import UUID

from automation.cluster.children import Child
from automation.database import session
from automation.engine.run import lease
from automation.notifications import mail_server, sending

logger = logging.getLogger(__name__)

#: Seconds between looks for notices where no notification arrives.
LOOK = 5
#: Seconds after which the process of a mail is killed; less than the lease of its notices.
KILL_AFTER = mail_server.TIME_LIMIT + sending.RECORD_WITHIN


class Mailer:
    def __init__(self) -> None:
        self.child: Child | None = None
        self.began_at = 0.0
        self.looked_at: float | None = None

    def look(self, *, is_told: bool) -> None:
        """Send what is due, if it is time to; never waits for it.

        Raises OperationalError where the database does not answer.
        """
        now = lease.now()
        if self.child is not None:
            if self.child.is_alive:
                if now - self.began_at > KILL_AFTER:
                    logger.warning("The mail server does not answer; the mail is tried later.")
                    self.child.kill()
                return
            self.child, is_told = None, True  # There may be another notice.
        if is_told or self.looked_at is None or now - self.looked_at >= LOOK:
            self.looked_at = now
            token = sending.take_due()
            if token is not None:
                self.began_at = now
                self.child = Child("mailer", partial(_send, token), own_group=True)

    @property
    def is_idle(self) -> bool:
        return self.child is None

    def stop(self) -> None:
        """Stop sending; what is not sent yet is sent by another node, or by this one later."""
        if self.child is not None:
            self.child.kill()


def _send(token: UUID) -> None:
    session.settle()
    sending.send(token)
