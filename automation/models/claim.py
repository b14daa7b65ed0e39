"""The columns of an execution that say who carries it out: its claim by a worker of a node."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Self, TypeVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from automation.models.concurrency_group import ConcurrencyGroup
from automation.models.execution_life import Status
from automation.models.occurrence import OccurrenceQuerySet

M = TypeVar("M", bound=models.Model)


class ClaimQuerySet(OccurrenceQuerySet[M]):
    def expired(self) -> Self:
        """Running executions whose lease is over, by the clock of the database.

        All nodes share that clock.
        """
        return self.filter(status=Status.RUNNING, lease_until__lte=Now())

    def claimed_with(self, tokens: Iterable[UUID]) -> Self:
        return self.filter(status=Status.RUNNING, token__in=tokens)

    def renew(self, claims: Mapping[int, UUID], lease: timedelta) -> set[int]:
        """Renew the leases of claims (tokens by id); return the ids of claims that are gone.

        A claim whose execution ended well meanwhile is not gone.
        """
        rows = self.filter(pk__in=list(claims))
        renewed = rows.filter(status=Status.RUNNING, token__in=claims.values())
        if renewed.update(lease_until=Now() + lease) == len(claims):
            return set()
        seen = rows.values_list("pk", "token", "status")
        ours = {pk for pk, token, status in seen if token == claims[pk] and status != Status.LOST}
        return set(claims) - ours

    def give_back(self, tokens: Iterable[UUID]) -> int:
        """Make executions pending again whose function was not called; return how many."""
        return self.claimed_with(tokens)._enter(
            Status.PENDING,
            started_at=None,
            node="",
            release="",
            token=None,
            slot=None,
            group_slot=None,
            lease_until=None,
        )


class Claimed(models.Model):
    exit_code = models.SmallIntegerField(
        _("exit code"), null=True, help_text="Of a worker that died; negative: the signal."
    )
    node = models.CharField(_("node"), max_length=200, blank=True)
    release = models.CharField(_("release"), max_length=100, blank=True)
    message = models.BigIntegerField(null=True, help_text="The id of its django-q2 message.")
    token = models.UUIDField(null=True, help_text="Who holds it ends it, and nobody else.")
    slot = models.PositiveSmallIntegerField(null=True)
    concurrency_group = models.ForeignKey(
        ConcurrencyGroup, models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    group_slot = models.PositiveSmallIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True
