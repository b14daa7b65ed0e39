"""What the mailer does, in the process of the test."""

from automation.notifications import sending


def send_next() -> bool:
    """Send the mail that is due; fail where none is."""
    token = sending.take_due()
    assert token is not None
    return sending.send(token)
