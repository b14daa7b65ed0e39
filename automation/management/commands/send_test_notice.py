"""`manage.py send_test_notice`: whether notices about failed processes would arrive."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from automation.notifications import mail, sending
from automation.notifications.mail_server import is_stand_in, mail_server, name_of


class Command(BaseCommand):
    help = (
        "Send a test mail the way notices are sent, and say what happened. "
        "Exit code: 0 the mail server took it, 1 it did not, 2 there is nobody to send it to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", metavar="ADDRESS", help="Instead of those who get the notices (NOTIFY_EMAILS)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        to = sending.recipients() if options["to"] is None else [_checked(options["to"])]
        if not to:
            raise CommandError(
                "NOTIFY_EMAILS is empty: nobody gets notices. Set it, or give --to ADDRESS.",
                returncode=2,
            )
        server = _server()
        try:
            sending.deliver(mail.of_a_test(), to)
        except Exception as error:  # A mail server or a backend may raise anything.
            told = f"{type(error).__name__}: {error}"
            raise CommandError(f"It was not sent, by {name_of(server)}: {told}") from error
        self.stdout.write(f"Sent to {', '.join(to)} by {name_of(server)}.")
        if is_stand_in(server):
            self.stdout.write("That is no mail server: nobody gets mail. EMAIL_URL sets one.")


def _checked(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError as error:
        raise CommandError(f"{address!r} is no e-mail address.", returncode=2) from error
    return address


def _server() -> BaseEmailBackend:
    """Return where mails go, by the settings."""
    try:
        return mail_server()
    except Exception as error:  # Whatever a backend may refuse in its settings.
        told = f"{type(error).__name__}: {error}"
        raise CommandError(f"It was not sent. The settings of mail are wrong: {told}") from error
