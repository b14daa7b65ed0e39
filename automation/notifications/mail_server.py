"""The mail server of the project: `MAILERS["default"]`, or the settings EMAIL_… before Django 6.1."""

from django.core import mail
from django.core.mail.backends import console, dummy, smtp
from django.core.mail.backends.base import BaseEmailBackend

#: Seconds that a mail server has for one mail.
TIME_LIMIT = 30


def mail_server() -> BaseEmailBackend:
    """Return the backend that sends the mails of the project.

    Raises whatever Django makes of wrong settings.
    """
    has_mailers = hasattr(mail, "mailers")
    server = mail.mailers.default if has_mailers else mail.get_connection()
    if isinstance(server, smtp.EmailBackend) and server.timeout is None:
        # Without a limit of the project's own, a silent server would be waited for without end.
        server.timeout = TIME_LIMIT
    return server


def is_stand_in(server: BaseEmailBackend) -> bool:
    """Whether a backend is one that Django has in place of a mail server, for development."""
    return type(server) in {console.EmailBackend, dummy.EmailBackend}


def name_of(server: BaseEmailBackend) -> str:
    """Return where mails go, for people."""
    if isinstance(server, smtp.EmailBackend):
        return f"the mail server {server.host}:{server.port}"
    return f"{type(server).__module__}.{type(server).__qualname__}"
