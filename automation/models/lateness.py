"""The columns of a process that say how much later than it is due a start may be."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_CATCH_UP, MAX_JITTER, MAX_START_DEADLINE
from automation.schedule import jitter_of


class CatchUp(models.TextChoices):
    """Which of the occurrences that passed while nothing ran are started afterwards."""

    NONE = "none", _("none")
    LATEST = "latest", _("the latest")
    ALL = "all", _("all")


class Lateness(models.Model):
    jitter = models.PositiveIntegerField(
        _("jitter"),
        default=0,
        validators=[MaxValueValidator(MAX_JITTER)],
        help_text=_(
            "Seconds by which a start is later at most, so that not all start at once. "
            "The same for each occurrence whenever one asks."
        ),
    )
    start_deadline = models.PositiveIntegerField(
        _("latest start"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_START_DEADLINE)],
        help_text=_("Seconds after it was due. What is later is skipped. Empty: never too late."),
    )
    catch_up = models.CharField(
        _("catch up"),
        max_length=20,
        choices=CatchUp,
        default=CatchUp.LATEST,
        help_text=_("Which times that passed while nothing ran are started afterwards."),
    )
    catch_up_limit = models.PositiveSmallIntegerField(
        _("catch up at most"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CATCH_UP)],
        help_text=_("How many of all that passed are started, the latest; the rest is missed."),
    )

    class Meta:
        abstract = True

    def start_of(self, occurrence: datetime) -> datetime:
        """Return when an occurrence starts: its jitter later."""
        seed = str(getattr(self, "name", ""))
        return occurrence + jitter_of(seed, occurrence, timedelta(seconds=self.jitter or 0))

    def is_too_late(self, occurrence: datetime) -> bool:
        """Whether an occurrence must not be started any more."""
        if self.start_deadline is None:
            return False
        latest = self.start_of(occurrence) + timedelta(seconds=self.start_deadline)
        return timezone.now() > latest

    def lateness(self, occurrence: datetime) -> dict[str, int]:
        """Return by how many seconds a start would be late, and may be at most."""
        late = timezone.now() - self.start_of(occurrence)
        return {"late": int(late.total_seconds()), "limit": self.start_deadline or 0}
