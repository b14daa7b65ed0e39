"""What the mailer does, in the process of the test."""

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
