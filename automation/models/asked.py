"""The columns of an execution that say who asked for it, and who for its end."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_PERSON


def name_of(user: AbstractBaseUser | AnonymousUser | None, name: str = "") -> str:
    """Return the name to store of who asked: a given one, else the user's; "" for nobody."""
    return (name or (user.get_username() if user else ""))[:MAX_PERSON]


class Asked(models.Model):
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,  # A partial index has the rows that have one.
        related_name="+",
        verbose_name=_("requested by"),
    )
    requested_by_name = models.CharField(_("requested by"), max_length=200, blank=True)
    note = models.TextField(_("note"), blank=True)
    cancel_requested_at = models.DateTimeField(_("cancelling asked for"), null=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        db_constraint=True,
        related_name="+",
        verbose_name=_("cancelled by"),
    )
    cancel_requested_by_name = models.CharField(_("cancelled by"), max_length=200, blank=True)

    class Meta:
        abstract = True
