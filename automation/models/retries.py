"""The columns of a process that say how often, and after which delays, a run is tried again."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_BACKOFF, MAX_RETRIES, MAX_RETRY_DELAY

#: Delays that a sentence lists; of more only the last one follows.
_NAMED = 5


class Retries(models.Model):
    max_retries = models.PositiveSmallIntegerField(
        _("retries"),
        default=0,
        validators=[MaxValueValidator(MAX_RETRIES)],
        help_text=_("How often a run that failed, timed out or was lost is tried again."),
    )
    retry_delay = models.PositiveIntegerField(
        _("first delay"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETRY_DELAY)],
        help_text=_("Seconds until the first retry."),
    )
    retry_backoff = models.FloatField(
        _("delay factor"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_BACKOFF)],
        help_text=_("Each further delay is so many times the one before."),
    )
    retry_max_delay = models.PositiveIntegerField(
        _("longest delay"),
        default=3600,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETRY_DELAY)],
        help_text=_("Seconds."),
    )
    retry_jitter = models.PositiveSmallIntegerField(
        _("delay jitter"),
        default=10,
        validators=[MaxValueValidator(100)],
        help_text=_("Percent by which a delay is longer at random, so that not all come at once."),
    )

    class Meta:
        abstract = True

    def delay_before(self, retry: int) -> float:
        """Return the seconds before a retry (from 1), the jitter left out.

        It is the first delay, times the factor for each further one, at most the longest delay.
        """
        longest = float(min(self.retry_max_delay, MAX_RETRY_DELAY))
        try:
            # As a float: of whole numbers Python would compute every digit.
            return min(self.retry_delay * float(self.retry_backoff) ** (retry - 1), longest)
        except OverflowError:
            return longest

    @property
    def retries_in_words(self) -> str:
        """A sentence about how often a run is tried again, and when."""
        if self.max_retries == 0:
            return gettext("It is not tried again.")
        count = self.max_retries
        # Whatever number is typed, only the first delays and the last one are computed.
        delays = [self.delay_before(retry) for retry in range(1, min(count, _NAMED) + 1)]
        last = self.delay_before(count)
        unit = next(unit for unit in (3600, 60, 0) if min(*delays, last) >= unit) or 1
        named = [f"{delay / unit:.3g}" for delay in delays]
        if count > _NAMED:
            named = [*named, "…", f"{last / unit:.3g}"]
        sentence = ngettext(
            "%(count)s retry, after about %(delays)s.",
            "%(count)s retries: after about %(delays)s.",
            count,
        )
        return sentence % {"count": count, "delays": _with_unit(named, unit)}

    def errors_of_retries(self) -> dict[str, str]:
        """Return what is wrong with the delays together, by column."""
        delays = self.retry_delay, self.retry_max_delay
        if None in delays or self.retry_max_delay >= self.retry_delay:
            return {}
        told = gettext("The longest delay (%(longest)s s) is below the first one (%(first)s s).")
        typed = {"longest": self.retry_max_delay, "first": self.retry_delay}
        return {"retry_max_delay": told % typed}


def _with_unit(named: list[str], unit: int) -> str:
    plural = 1 if named == ["1"] else 2
    told = {
        1: ngettext("%(numbers)s second", "%(numbers)s seconds", plural),
        60: ngettext("%(numbers)s minute", "%(numbers)s minutes", plural),
        3600: ngettext("%(numbers)s hour", "%(numbers)s hours", plural),
    }
    return told[unit] % {"numbers": _joined(named)}


def _joined(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    first = gettext(", ").join(texts[:-1])
    return gettext("%(first)s and %(last)s") % {"first": first, "last": texts[-1]}
