"""What the mailer does, in the process of the test."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import django

from automation.notifications import sending


def send_next() -> bool:
    """Send the mail that is due; fail where none is."""
    token = sending.take_due()
    assert token is not None
    return sending.send(token)


def use_mail_server(settings: Any, name: str, **options: Any) -> None:
    """Set one of Django's own, by MAILERS or by the settings EMAIL_… before Django 6.1."""
    backend = f"django.core.mail.backends.{name}.EmailBackend"
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
        return
    settings.EMAIL_BACKEND = backend
    for option, value in options.items():
        setattr(settings, f"EMAIL_{option.upper()}", value)


def mails_in(folder: Path) -> str:
    """Subjects and bodies of what was written by EMAIL_URL=filemail://…, as a person reads them."""
    line = b"-" * 79 + b"\n"  # Between two mails of one file
    parts = [part for file in sorted(folder.iterdir()) for part in file.read_bytes().split(line)]
    mails = [message_from_bytes(part, EmailMessage, policy=policy.default) for part in parts]
    return "\n".join(f"{mail['Subject']}\n{mail.get_content()}" for mail in mails if mail.keys())
