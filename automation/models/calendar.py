"""Calendar: days on which nothing is due; several processes can share one."""

import re
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.reading import ReadingError, date_from
from automation.schedule import ExcludedDays, ScheduleError, plain

#: Lines of a calendar at most: enough for the holidays of decades; more is a mistake in pasting.
MAX_LINES = 2_000

_DAY = r"(\d{4}[-/]\d{1,2}[-/]\d{1,2})"
_LINE = re.compile(rf"{_DAY}(?:\s*\.\.\s*{_DAY})?\s*(.*)")


class Calendar(models.Model):
    name = models.CharField(_("name"), max_length=100, unique=True)
    days = models.TextField(
        _("days"),
        max_length=100_000,
        help_text=_(
            "One day or range a line, each with a label: 2026-12-25 Christmas, "
            "2027-03-21..2027-03-24 Nowruz."
        ),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            self.days = "\n".join(plain(line) for line in self.days.splitlines() if line.strip())
            days = self.excluded_days
        except ScheduleError as error:
            raise ValidationError({"days": str(error)}) from error
        if not days:
            raise ValidationError({"days": gettext("Give at least one day.")})
        if len(days) > MAX_LINES:
            told = gettext("There are %(count)s lines; a calendar has at most %(most)s.")
            raise ValidationError({"days": told % {"count": len(days), "most": MAX_LINES}})
        for process in self.processes.all() if self.pk else ():
            self._refuse_to_silence(process)

    def _refuse_to_silence(self, process: Any) -> None:
        """Refuse a calendar that excludes every occurrence of one of its processes."""
        process.calendar = self
        told = process.errors_of_rule(None).get("calendar")
        if told:
            raise ValidationError({"days": f"{process}: {told}"})

    @property
    def excluded_days(self) -> tuple[ExcludedDays, ...]:
        """Return the days of a calendar's text.

        Raises ScheduleError, which names a line that cannot be read.
        """
        return _days_in(self.days)


@lru_cache(maxsize=100)  # Kept, as a rule is made anew each time that it is asked for.
def _days_in(text: str) -> tuple[ExcludedDays, ...]:
    lines = ((number, line) for number, line in enumerate(text.splitlines(), 1))
    return tuple(_days_of(number, line) for number, line in lines if line.strip())


def _days_of(number: int, line: str) -> ExcludedDays:
    typed = _LINE.fullmatch(plain(line))
    try:
        if not typed:
            raise ValueError
        first, last = (date_from(text) for text in (typed[1], typed[2] or typed[1]))
    except ReadingError as error:
        raise _at_line(number, str(error)) from None
    except ValueError:
        told = gettext("%(text)r is no day. Write it as 2026-12-25 or 2027-03-21..2027-03-24.")
        raise _at_line(number, told % {"text": line}) from None
    try:
        return ExcludedDays(first, last, typed[3])
    except ScheduleError as error:
        raise _at_line(number, str(error)) from error


def _at_line(number: int, told: str) -> ScheduleError:
    text = gettext("Line %(number)s: %(error)s") % {"number": number, "error": told}
    return ScheduleError("excluded", text)
