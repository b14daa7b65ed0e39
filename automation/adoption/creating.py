"""Processes made of what was found."""

from django.core.exceptions import ValidationError

from automation.adoption.found import Found, NotAdoptableError
from automation.models import Process, TriggerType
from automation.schedule import CronRule


def create(found: Found) -> Process:
    """Make a process of it, switched off. Raises NotAdoptableError."""
    process = _process_of(found)
    if Process.objects.filter(name=process.name).exists():
        raise NotAdoptableError(
            f"There is a process {process.name} already: it is left as it is. Rename it, to adopt "
            "this one too."
        )
    try:
        process.full_clean()
    except ValidationError as error:
        raise NotAdoptableError(" ".join(error.messages)) from error
    process.save()
    return process


def _process_of(adopted: Found) -> Process:
    """The row for it, not stored. Raises NotAdoptableError for a rule that no row can hold."""
    times, work = adopted.times, adopted.work
    if times is None or work is None:
        raise NotAdoptableError(" ".join(adopted.problems))
    if not isinstance(times.ours, CronRule):
        raise NotAdoptableError(
            f"A process cannot follow this rule yet ({times.ours.words}): give it a cron rule."
        )
    return Process(
        name=adopted.name,
        function=work.function,
        trigger_type=TriggerType.TIME_BASED,
        cron=times.ours.expression,
        timezone=times.ours.zone.key,
        parameters=dict(work.parameters),
        is_enabled=False,
    )
