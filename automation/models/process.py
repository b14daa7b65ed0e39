"""Process: the row an operator manages."""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from automation import registry
from automation.conf import setting
from automation.limits import (
    MAX_FAILURES,
    MAX_KEPT_DAYS,
    MAX_KEPT_RUNS,
    MAX_TIME_LIMIT,
)
from automation.models.concurrency import Concurrency, OverlapPolicy
from automation.models.lateness import CatchUp, Lateness
from automation.models.naming import Named
from automation.models.node import Known
from automation.models.retries import Retries
from automation.models.timing import ScheduleKind, Timing, TriggerType
from automation.parameters import ParameterError
from automation.process_function import ProcessFunction
from automation.registry import ProcessNotRegisteredError
from automation.schedule import Rule, ScheduleError


class ProcessQuerySet(models.QuerySet["Process"]):
    def enable(self, *, by: Any = None) -> int:
        """Switch these processes on; return how many were off.

        `by`: the user who does it, for the change history.
        """
        return self._switch(on=True, by=by)

    def disable(self, *, by: Any = None) -> int:
        """Switch these processes off; return how many were on.

        `by`: the user who does it, for the change history.
        """
        return self._switch(on=False, by=by)

    @transaction.atomic
    def _switch(self, *, on: bool, by: Any) -> int:
        changed = list(self.exclude(is_enabled=on).select_for_update())
        for process in changed:
            process._history_user = by  # type: ignore[attr-defined]  # simple_history's name
            # Row by row: update() sends no signal, and the schedules would drift.
            process.is_enabled = on
            process.save(update_fields=["is_enabled", "updated_at"])
        return len(changed)

    @transaction.atomic
    def delete(self) -> tuple[int, dict[str, int]]:
        # Locked first, as everywhere in the engine: otherwise two could wait for each other.
        list(self.order_by("pk").lock())
        return super().delete()

    def on_time(self) -> Self:
        """Processes that are enabled, and due by a rule."""
        return self.filter(is_enabled=True, trigger_type=TriggerType.TIME_BASED)

    def lock(self, *, skip_locked: bool = False) -> Self:
        """Lock the rows until the transaction ends; rows that refer to them can be written."""
        skip = skip_locked and connection.features.has_select_for_update_skip_locked
        return self.select_for_update(no_key=True, skip_locked=skip)


class Process(Named, Timing, Lateness, Concurrency, Retries):
    function = models.CharField(_("function"), max_length=200)
    description = models.TextField(_("description"), blank=True, max_length=2_000)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    time_limit = models.PositiveIntegerField(
        _("time limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TIME_LIMIT)],
        help_text=_("Seconds a run may take. Empty: the default of the site."),
    )
    pause_after_failures = models.PositiveSmallIntegerField(
        _("pause after failures"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_FAILURES)],
        help_text=_("It pauses by itself after so many failures in a row. Empty: never."),
    )
    keep_days = models.PositiveIntegerField(
        _("keep history for"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEPT_DAYS)],
        help_text=_("Days. Empty: the default of the site."),
    )
    keep_runs = models.PositiveIntegerField(
        _("keep at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEPT_RUNS)],
        help_text=_("Executions. Empty: the default of the site."),
    )
    history_begins_at = models.DateTimeField(
        null=True, editable=False, help_text="What was due before may have been pruned."
    )
    proven_until = models.DateTimeField(
        null=True, editable=False, help_text="So far the ledger has looked at what was due."
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    #: What the live nodes know, where that was looked up; otherwise the code of this program counts.
    known: Known | None = None

    objects = ProcessQuerySet.as_manager()
    #: Who changed what, when.
    history = HistoricalRecords(
        excluded_fields=[
            "created_at",
            "updated_at",
            "former_rule",
            "rule_from",
            "history_begins_at",
            "proven_until",
        ]
    )

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        ordering = ["name"]
        permissions = [
            ("run_process", "Can run process"),
            ("pause_process", "Can pause process"),
        ]
        constraints = [
            models.CheckConstraint(
                name="process_schedule_kind_known",
                condition=models.Q(schedule_kind__in=ScheduleKind.values),
            ),
            models.CheckConstraint(
                name="process_trigger_type_known",
                condition=models.Q(trigger_type__in=TriggerType.values),
            ),
            models.CheckConstraint(
                name="process_overlap_policy_known",
                condition=models.Q(overlap_policy__in=OverlapPolicy.values),
            ),
            models.CheckConstraint(
                name="process_catch_up_known", condition=models.Q(catch_up__in=CatchUp.values)
            ),
            models.CheckConstraint(
                name="process_max_concurrency_positive",
                condition=models.Q(max_concurrency__gte=1),
            ),
            models.CheckConstraint(
                name="process_time_limit_positive",
                condition=models.Q(time_limit__isnull=True) | models.Q(time_limit__gte=1),
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        # The receivers of the signal move the Schedule row: both are stored, or neither.
        with transaction.atomic():
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            Process.objects.lock().filter(pk=self.pk).first()
            return super().delete(*args, **kwargs)

    def clean(self) -> None:
        """Refuse a function, parameters, rule or zone with which no run could start."""
        self.label = " ".join(self.label.split())
        errors: dict[str, Any] = {}
        try:
            self._check_function()
        except ProcessNotRegisteredError as error:
            errors["function"] = str(error)
        except ParameterError as error:
            # Pages show each error at the input that it is about.
            told = str(error).replace("%", "%%")
            errors["parameters"] = ValidationError(told, params={"at": error.at})
        stored = Process.objects.filter(pk=self.pk).first()
        self.settle()
        errors |= self.errors_of_rule(stored)
        errors |= self.errors_of_retries()
        if errors:
            raise ValidationError(errors)

    def _check_function(self) -> None:
        stored = Process.objects.filter(pk=self.pk).values_list("function", flat=True).first()
        if self.is_broken and stored == self.function:
            return  # Its code is gone: it can still be switched off or changed.
        function = registry.get(self.function)
        if self.is_time_based:
            function.parameters.clean(self.parameters)
        else:
            function.parameters.check_given(self.parameters)

    @property
    def registered_function(self) -> ProcessFunction | None:
        return registry.find(self.function)

    @property
    def is_atomic(self) -> bool:
        """Whether a run's writes are kept only together with its success."""
        function = self.registered_function
        return bool(function and function.options.atomic)

    @property
    def is_broken(self) -> bool:
        """Whether its function is in the code of no live node.

        Without live nodes, whether it is missing in the code of this program.
        """
        if self.known is not None:
            return self.function not in self.known.functions
        return self.registered_function is None

    @property
    def default_cron(self) -> str:
        if self.registered_function:
            return self.registered_function.default_cron
        return self.known.defaults.get(self.function, "") if self.known else ""

    @property
    def effective_time_limit(self) -> int:
        """The seconds that a run may take."""
        return self.time_limit or int(setting("DEFAULT_TIME_LIMIT"))

    @property
    def rule(self) -> Rule | None:
        """The rule that makes it due; None where nothing does. Raises ScheduleError."""
        return self.planned_rule if self.is_on_time else None

    @property
    def is_on_time(self) -> bool:
        """Whether it is enabled, and due by a rule."""
        return self.is_enabled and self.is_time_based

    @property
    def rule_is_gone(self) -> bool:
        """Whether it follows the default rule of its function, which is not in the code."""
        return self.is_on_time and self.is_broken and self.follows_default

    @property
    def usable_rule(self) -> Rule | None:
        """The rule that makes it due; None also where it cannot be followed: see `rule_error`."""
        try:
            return self.rule
        except ScheduleError:
            return None

    @property
    def rule_error(self) -> str:
        """Why its rule cannot be followed, in English, as it is stored; "" where it can."""
        try:
            with translation.override("en"):
                self.rule  # noqa: B018  # it raises
        except ScheduleError as error:
            return str(error)
        return ""

    @property
    def schedule_in_words(self) -> str:
        if self.is_broken:
            told = gettext("Broken: %(function)s is not in the code.")
            if self.known is not None:
                told = gettext("Broken: no running worker has %(function)s in its code.")
            return told % {"function": self.function}
        if self.is_by_hand:
            return gettext("By hand")
        try:
            rule = self.planned_rule
        except ScheduleError as error:
            return gettext("Broken: %(error)s") % {"error": error}
        words = rule.words if rule else gettext("Never: it has no rule")
        return words if self.is_enabled else gettext("%(words)s (switched off)") % {"words": words}


class DefaultProcess(models.Model):
    """The default process of a function was created once: deleting it is for good."""

    function = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.function
