"""What the runs of the probes wrote: a group for each thing."""

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from automation.engine.upkeep.groups import GROUPS


def written() -> QuerySet[Group]:
    return Group.objects.exclude(name__in=GROUPS)
