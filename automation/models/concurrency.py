"""The columns of a process that say how many of its runs go on at once, and which starts first."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_CONCURRENCY, MAX_PRIORITY
from automation.models.concurrency_group import ConcurrencyGroup


class OverlapPolicy(models.TextChoices):
    """What happens to a start while `max_concurrency` executions run or wait."""

    SKIP = "skip", _("skip the new one")
    WAIT = "wait", _("let the new one wait")
    CANCEL_RUNNING = "cancel_running", _("cancel the running one")


class Concurrency(models.Model):
    max_concurrency = models.PositiveSmallIntegerField(
        _("runs at once"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CONCURRENCY)],
    )
    overlap_policy = models.CharField(
        _("when that many run"), max_length=20, choices=OverlapPolicy, default=OverlapPolicy.SKIP
    )
    concurrency_group = models.ForeignKey(
        ConcurrencyGroup,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="processes",
        verbose_name=_("concurrency group"),
        help_text=_("Its limit holds for all its processes together, besides their own."),
    )
    priority = models.SmallIntegerField(
        _("priority"),
        default=0,
        validators=[MinValueValidator(-MAX_PRIORITY), MaxValueValidator(MAX_PRIORITY)],
        help_text=_("What waits for a worker starts by priority, the highest first."),
    )

    class Meta:
        abstract = True
