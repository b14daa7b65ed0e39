"""Mail the notices that are due, each at least once: a mail cut off in the middle is sent again."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.core.mail import EmailMessage

from automation.conf import setting
from automation.database.away import repeat_while_away
from automation.database.text import storable
from automation.models import Notice
from automation.notifications import mail
from automation.notifications.mail import Mail
from automation.notifications.mail_server import TIME_LIMIT, mail_server
from automation.notifications.time_limit import at_most

logger = logging.getLogger(__name__)

#: Seconds for which recording what became of a mail waits for the database.
RECORD_WITHIN = 60
#: How long taken notices are left to whoever took them: both limits above, and a margin.
LEASE = timedelta(seconds=120)
#: The delay before the second attempt; each further one is twice as long, up to the longest.
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
#: Characters that are kept of what a mail server said.
MAX_ERROR = 1_000


def take_due() -> UUID | None:
    """Take the notices of one process for one mail.

    None where nothing is due, or nobody is to be told.
    """
    if not recipients():
        return None
    name = Notice.objects.due().order_by("pk").values_list("process_name", flat=True).first()
    return Notice.objects.take(name, lease=LEASE) if name is not None else None


def send(token: UUID) -> bool:
    """Send one mail about the notices taken with `token`; record whether that went well."""
    held = Notice.objects.claimed_with(token)
    notices = list(held.order_by("-pk"))
    if not notices:
        return False
    to = recipients()
    try:
        told = mail.about(notices)
        deliver(told, to)
    except Exception as error:  # Mail servers fail in every way there is; so may any backend.
        _put_off(notices, token, error)
        return False
    _record(notices, token, told, to)
    return True


def recipients() -> list[str]:
    return list(setting("NOTIFY_EMAILS"))


def deliver(told: Mail, to: Sequence[str]) -> None:
    """Hand a mail to the mail server.

    Raises TimeoutError, and whatever the mail backend raises.
    """
    # Asks for no automatic replies, such as "out of office".
    headers = {"Auto-Submitted": "auto-generated"}
    message = EmailMessage(told.subject, told.body, None, list(to), headers=headers)
    with at_most(TIME_LIMIT, "The mail server"):
        mail_server().send_messages([message])


def delay_after(attempts: int) -> timedelta:
    """Return how long after so many attempts (from 1) the next one may follow."""
    return min(FIRST_DELAY * 2.0 ** min(attempts - 1, 10), LONGEST_DELAY)


def _record(notices: list[Notice], token: UUID, told: Mail, to: list[str]) -> None:
    def write() -> None:
        newest = Notice.objects.filter(pk=notices[0].pk, token=token)
        newest.update(subject=told.subject[:300], body=storable(told.body, 100_000))
        Notice.objects.claimed_with(token).mark_sent(", ".join(to))

    repeat_while_away(write, "record a notice as sent", seconds=RECORD_WITHIN)
    logger.info("Sent a notice: %s", told.subject)


def _put_off(notices: list[Notice], token: UUID, error: Exception) -> None:
    delay = delay_after(max(notice.attempts for notice in notices))
    told = storable(f"{type(error).__name__}: {error}", MAX_ERROR)
    repeat_while_away(
        lambda: Notice.objects.claimed_with(token).put_off(delay, told),
        "record that a notice was not sent",
        seconds=RECORD_WITHIN,
    )
    logger.warning("A notice of %s could not be sent: %s", notices[0].process_name, told)
