"""Create, once, the processes that functions declare by default; `migrate` calls this."""

from django.db import transaction

from automation import registry
from automation.models import DefaultProcess, Process, TriggerType
from automation.process_function import ProcessFunction


@transaction.atomic
def create_default_processes() -> list[Process]:
    """Create each declared process that was never created before; return them.

    A process that somebody deleted is not created again.
    """
    created = []
    for function in registry.all_functions():
        if function.options.declared_cron is None:
            continue
        if DefaultProcess.objects.filter(function__in=function.keys).exists():
            continue
        _, is_new = DefaultProcess.objects.get_or_create(function=function.key)
        if is_new:
            created.append(
                Process.objects.create(
                    name=_free_name(function),
                    function=function.key,
                    description=function.description,
                    trigger_type=TriggerType.TIME_BASED,
                )
            )
    return created


def _free_name(function: ProcessFunction) -> str:
    """Return the function's own name; where another process has it, with the name of its app."""
    taken = Process.objects.filter(name=function.name).exists()
    return function.key.replace(".", "-") if taken else function.name
