"""The outcome of what an atomic run left to be done once its transaction was committed."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class AfterCommit(models.TextChoices):
    """How that went, where it did not go well; the effects of the run are committed anyway."""

    FAILED = "failed", _("failed")
    TIMED_OUT = "timed_out", _("timed out")
    CUT_OFF = "cut_off", _("cut off")

    @property
    def sentence(self) -> str:
        sentences = {
            self.FAILED: gettext("Its effects are committed, but what was to follow failed."),
            self.TIMED_OUT: gettext(
                "Its effects are committed, but what was to follow passed its time limit."
            ),
            self.CUT_OFF: gettext("Its effects are committed, but what was to follow was cut off."),
        }
        return sentences[self]
