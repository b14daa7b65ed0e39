"""LogLine: what a run logged."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from automation.models.execution import Execution


class LogLine(models.Model):
    execution = models.ForeignKey(
        Execution,
        models.CASCADE,
        db_index=False,  # The index of the constraint begins with this column.
        related_name="log_lines",
    )
    #: Its number within the run: a line may be written while it goes on, and again at its end.
    number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(_("time"), default=timezone.now)
    level = models.CharField(_("level"), max_length=20)
    logger = models.CharField(_("logger"), max_length=200)
    message = models.TextField(_("message"))

    class Meta:
        verbose_name = _("log line")
        verbose_name_plural = _("log lines")
        ordering = ["execution", "number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="log_line_once_a_number", fields=["execution", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.message}"
