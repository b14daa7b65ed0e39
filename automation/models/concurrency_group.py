"""ConcurrencyGroup: a limit to how many runs of several processes go on at once."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_CONCURRENCY


class ConcurrencyGroup(models.Model):
    name = models.SlugField(_("name"), max_length=100, unique=True)
    max_concurrency = models.PositiveSmallIntegerField(
        _("runs at once"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CONCURRENCY)],
        help_text=_("Of all the processes of the group, together."),
    )

    class Meta:
        verbose_name = _("concurrency group")
        verbose_name_plural = _("concurrency groups")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="concurrency_group_max_concurrency_positive",
                condition=models.Q(max_concurrency__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name
