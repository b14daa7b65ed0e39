"""Node: one running qcluster, as it reports itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from automation.database import statements

#: Seconds without a report after which a node counts as silent.
SILENT = 60


@dataclass(frozen=True)
class Known:
    """The functions and default rules that the code of the live nodes has."""

    functions: frozenset[str]
    #: Default rules, by the keys of their functions.
    defaults: dict[str, str]

    @classmethod
    def of(cls, rows: Iterable[tuple[list[str], dict[str, str]]]) -> Self:
        """Return what several nodes know together, by the functions and default rules of each."""
        chosen = list(rows)
        defaults = {key: rule for _functions, rules in chosen for key, rule in rules.items()}
        return cls(frozenset(key for functions, _ in chosen for key in functions), defaults)

    @classmethod
    def to(cls, nodes: "Iterable[Node]") -> Self:
        """Return what several nodes know together."""
        return cls.of((node.functions, node.defaults) for node in nodes)


@dataclass(frozen=True)
class Silence:
    """A time in which nothing was there to start processes.

    No node was seen after `since` (None: there had never been one) until one started; or the host
    of a node was suspended. Or it is `of` the "database", which did not answer, or of the
    "schedule", whose row had vanished at an unknown time.
    """

    since: datetime | None
    until: datetime
    of: str = ""

    def __contains__(self, at: datetime) -> bool:
        return (self.since is None or self.since < at) and at < self.until

    @property
    def data(self) -> dict[str, Any]:
        """The data of a reason for this silence."""
        since = {"since": self.since.isoformat()} if self.since else {}
        of = {"of": self.of} if self.of else {}
        return {**since, "until": self.until.isoformat(), **of}


class NodeQuerySet(models.QuerySet["Node"]):
    def reporting(self, seconds: float = SILENT) -> Self:
        """Nodes that reported within so many seconds, by the database's clock."""
        return self.filter(stopped_at__isnull=True, seen_at__gt=Now() - timedelta(seconds=seconds))

    def live(self, seconds: float = SILENT) -> Self:
        """Nodes that report and start things: a stopping one only ends what it runs."""
        return self.reporting(seconds).filter(stopping_at__isnull=True)

    def with_state(self) -> Self:
        """Give each node its `state`: live, stopping, silent or stopped."""
        reports = models.Q(seen_at__gt=Now() - timedelta(seconds=SILENT))
        return self.annotate(
            state=models.Case(
                models.When(stopped_at__isnull=False, then=models.Value("stopped")),
                models.When(~reports, then=models.Value("silent")),
                models.When(stopping_at__isnull=False, then=models.Value("stopping")),
                default=models.Value("live"),
            )
        )

    def with_end(self) -> "models.QuerySet[Any]":
        """Give each node its `there_until`: the last instant at which it could start something."""
        return self.annotate(there_until=Coalesce("stopping_at", "seen_at"))

    def knowing(self, function: str) -> "list[Node]":
        """Return the nodes whose code has the function (its key, or an alias)."""
        return [node for node in self if function in node.functions]

    def silences(self, since: datetime, until: datetime) -> list[Silence]:
        """Return the times within a span, or reaching into it, in which no node was there.

        Oldest first, in two statements. Nodes that know no functions do not count: they serve
        another queue.
        """
        nodes = self.exclude(functions=[]).with_end()
        seen = nodes.filter(there_until__lt=since).aggregate(at=models.Max("there_until"))["at"]
        there = nodes.filter(there_until__gte=since, started_at__lte=until).order_by("started_at")
        found = []
        for started_at, there_until in there.values_list("started_at", "there_until"):
            if started_at > (seen or since):
                found.append(Silence(seen, started_at))
            seen = max(seen or there_until, there_until)
        return found

    def report(self, pk: int, **columns: Any) -> int:
        """Store that a node lives; return 0 where its row is gone."""
        return self.filter(pk=pk).update(seen_at=Now(), **columns)


class Node(models.Model):
    """One start of a qcluster.

    All these rows together say when something was there to run processes.
    """

    name = models.CharField(_("name"), max_length=200, help_text=_("Host and process id."))
    host = models.CharField(_("host"), max_length=150)
    pid = models.PositiveIntegerField(_("process id"))
    pid_space = models.CharField(
        max_length=100,
        blank=True,
        help_text="Where its process id means something: boot and namespace.",
    )
    cluster = models.CharField(_("queue"), max_length=100)
    workers = models.PositiveSmallIntegerField(_("workers"))
    release = models.CharField(_("release"), max_length=100, blank=True)
    functions = models.JSONField(_("functions"), default=list)
    defaults = models.JSONField(_("default rules"), default=dict)
    time_zone = models.CharField(
        _("default time zone"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="An IANA name.",
    )
    stop_grace = models.FloatField(
        _("what runs gets at a stop"),
        null=True,
        help_text=_("Seconds. Empty: as long as its time limit."),
    )
    started_at = models.DateTimeField(_("started"), db_default=Now())
    seen_at = models.DateTimeField(_("seen"), db_default=Now())
    stopping_at = models.DateTimeField(
        _("stopping since"),
        null=True,
        help_text=_("It ends what it runs, and starts nothing more."),
    )
    stopped_at = models.DateTimeField(_("stopped"), null=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(name="node_seen", fields=["seen_at"])]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def live_ones() -> "list[Node]":
        """Return the live nodes, oldest first."""
        live: list[Node] = _live()
        return live


@statements.select(())
def _live() -> NodeQuerySet:
    return Node.objects.live().order_by("pk")
