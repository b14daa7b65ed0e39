"""The columns of a process that say when it is due, and the rule that they make."""

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.conf import default_time_zone
from automation.limits import (
    MAX_EVERY,
    MAX_OCCURRENCES,
)
from automation.models.calendar import Calendar
from automation.models.zones import zone_or_sites
from automation.schedule import (
    CronRule,
    IntervalRule,
    OnceRule,
    Rule,
    Schedule,
    ScheduleError,
    Succession,
    schedule_from_json,
)


class TriggerType(models.TextChoices):
    MANUAL = "manual", _("by hand")
    TIME_BASED = "time_based", _("on time")


class ScheduleKind(models.TextChoices):
    CRON = "cron", _("at times of the clock (cron)")
    INTERVAL = "interval", _("every so often")
    ONCE = "once", _("once")


#: The column that a person types into, by the field that a ScheduleError names.
_COLUMNS = {
    "at": "run_at",
    "starts": "starts_at",
    "ends": "ends_at",
    "limit": "max_occurrences",
    "excluded": "calendar",
    "schedule": "schedule_kind",
}


def column_of(error: ScheduleError) -> str:
    """Return the column of a process that an error is about."""
    return _COLUMNS.get(error.field, error.field)


class Timing(models.Model):
    trigger_type = models.CharField(
        _("trigger"), max_length=20, choices=TriggerType, default=TriggerType.TIME_BASED
    )
    schedule_kind = models.CharField(
        _("schedule"), max_length=20, choices=ScheduleKind, default=ScheduleKind.CRON
    )
    cron = models.CharField(
        _("cron rule"),
        max_length=2_000,
        blank=True,
        help_text=_(
            "Minute, hour, day of month, month, day of week; several rules, one a line. "
            "Empty: the default of the function."
        ),
    )
    every = models.PositiveIntegerField(
        _("every"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_EVERY)],
        help_text=_("Such as 45 minutes, 2 hours or 1:30. Clock changes do not matter to it."),
    )
    anchor = models.DateTimeField(
        _("counted from"),
        null=True,
        blank=True,
        help_text=_("The first time; the others follow at the same distance."),
    )
    run_at = models.DateTimeField(_("at"), null=True, blank=True)
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("In which its times are read. Empty: the default of the site."),
    )
    starts_at = models.DateTimeField(
        _("not before"), null=True, blank=True, help_text=_("The first instant that counts.")
    )
    ends_at = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("The first instant that counts no more.")
    )
    max_occurrences = models.PositiveSmallIntegerField(
        _("how many times"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_OCCURRENCES)],
        help_text=_("Counted from the start. Empty: without end."),
    )
    calendar = models.ForeignKey(
        Calendar,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="processes",
        verbose_name=_("calendar"),
        help_text=_("On its days nothing is due."),
    )
    former_rule = models.JSONField(
        null=True, blank=True, editable=False, help_text="What holds until `rule_from`."
    )
    rule_from = models.DateTimeField(_("in force from"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def default_cron(self) -> str:
        """The cron rule that its function declares; "" for none."""
        return ""

    @property
    def effective_cron(self) -> str:
        """The cron rule in force: its own, else the default of its function; "" for none."""
        return self.cron or self.default_cron

    @property
    def effective_timezone(self) -> str:
        """The IANA name of the zone in force: its own, else the default of the site."""
        return self.timezone or default_time_zone()

    @property
    def is_by_hand(self) -> bool:
        """Whether only a person, or code, starts it."""
        return self.trigger_type == TriggerType.MANUAL

    @property
    def is_time_based(self) -> bool:
        """Whether a rule says when it is due, once it is enabled."""
        return self.trigger_type == TriggerType.TIME_BASED

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its times are read and written; where that is gone, the site's."""
        return zone_or_sites(self.effective_timezone)

    @property
    def follows_default_zone(self) -> bool:
        return not self.timezone

    @property
    def follows_default(self) -> bool:
        """Whether it is due by the default rule of its function."""
        return self.schedule_kind == ScheduleKind.CRON and not self.cron

    def settle(self) -> None:
        """Clear the columns of other kinds of schedule, and count an interval from now on."""
        if self.schedule_kind != ScheduleKind.CRON:
            self.cron = ""
        if self.schedule_kind != ScheduleKind.INTERVAL:
            self.every = self.anchor = None
        if self.schedule_kind != ScheduleKind.ONCE:
            self.run_at = None
        if self.every is not None and self.anchor is None:
            this_minute = timezone.now().replace(second=0, microsecond=0)
            self.anchor = this_minute + timedelta(minutes=1)

    @property
    def newest_rule(self) -> Rule | None:
        """The rule that makes it due from `rule_from` on, if that is set. Raises ScheduleError."""
        if not self.is_time_based:
            return None
        return self._limited(self._bare_rule())

    @property
    def planned_rule(self) -> Rule | None:
        """The rule that makes it due, whether it is enabled or not; None for none.

        Raises ScheduleError.
        """
        rule = self.newest_rule
        if rule is None or self.former_rule is None or self.rule_from is None:
            return rule
        try:
            return Succession(schedule_from_json(self.former_rule), rule, self.rule_from)
        except ScheduleError:
            return rule  # Where its zone is gone, for example, the newest rule is due all the same.

    def _bare_rule(self) -> Rule | None:
        if self.schedule_kind == ScheduleKind.INTERVAL:
            if self.every is None:
                raise ScheduleError("every", gettext("Say how often."))
            if self.anchor is None:
                raise ScheduleError("anchor", gettext("Say from when on it is counted."))
            return IntervalRule(timedelta(minutes=self.every), self.anchor, self.effective_timezone)
        if self.schedule_kind == ScheduleKind.ONCE:
            if self.run_at is None:
                raise ScheduleError("at", gettext("Say when."))
            return OnceRule(self.run_at, self.effective_timezone)
        # Without a rule, at least the zone is checked.
        rule = CronRule(self.effective_cron or "@daily", self.effective_timezone)
        return rule if self.effective_cron else None

    def _limited(self, rule: Rule | None) -> Rule | None:
        try:
            days = self.calendar.excluded_days if self.calendar else ()
        except Calendar.DoesNotExist:  # Deleted by code that does not ask us.
            raise ScheduleError("excluded", gettext("Its calendar is gone.")) from None
        limits = self.starts_at, self.ends_at, days, self.max_occurrences
        return Schedule(rule, *limits) if rule and any(limits) else rule

    def errors_of_rule(self, stored: "Timing | None") -> Mapping[str, str]:
        """Return what is wrong with its rule, by column; a rule that is only over may stay."""
        try:
            rule = self.newest_rule
            if rule is None and self.is_time_based:
                told = gettext(
                    "This function has no default rule: give a cron rule, or let it run by hand."
                )
                return {"cron": told}
            if rule is None or (stored is not None and _same_rule(stored, rule)):
                return {}
            silence = _silence_of(rule)
        except ScheduleError as error:
            silence = error
        return {column_of(silence): str(silence)} if silence else {}


def _same_rule(stored: Timing, rule: Rule) -> bool:
    try:
        return stored.newest_rule == rule
    except ScheduleError:
        return False


def _silence_of(rule: Rule) -> ScheduleError | None:
    """Return why nothing is due any more; None where something is."""
    if isinstance(rule, Schedule):
        return rule.silence_after(timezone.now())
    if rule.next_after(timezone.now()):
        return None
    told = gettext("Nothing is due any more: %(rule)s.") % {"rule": rule.words}
    return ScheduleError("at" if isinstance(rule, OnceRule) else "schedule", told)
