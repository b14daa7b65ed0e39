"""System checks: the settings under which the engine keeps its promises."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DEFAULT_DB_ALIAS
from django.db import Error as DatabaseError

from automation import registry
from automation.conf import default_time_zone, setting
from automation.database import checks as of_database  # noqa: F401  # registers them
from automation.limits import MAX_STOP_GRACE, MAX_TIME_LIMIT
from automation.models import Process
from automation.process_function import ProcessFunction
from automation.reports import advice
from automation.schedule import CronRule, ScheduleError, zone_named


@register
def check_one_database(**_: Any) -> list[CheckMessage]:
    queue = getattr(settings, "Q_CLUSTER", {}).get("orm")
    if queue == "default":
        return []
    return [
        Error(
            f"Q_CLUSTER['orm'] is {queue!r}: executions and their messages are not in one database.",
            hint="Set Q_CLUSTER['orm'] = 'default', so that recording a run and queueing it is one "
            "transaction.",
            id="automation.E001",
        )
    ]


@register
def check_time_zones_are_used(**_: Any) -> list[CheckMessage]:
    if settings.USE_TZ:
        return []
    return [
        Error(
            "USE_TZ is False: times without a zone cannot follow clock changes.",
            hint="Set USE_TZ = True.",
            id="automation.E002",
        )
    ]


@register
def check_default_time_zone(**_: Any) -> list[CheckMessage]:
    try:
        zone_named(default_time_zone())
    except ScheduleError as error:
        return [
            Error(
                f"The default time zone of processes cannot be read. {error}",
                hint="Correct AUTOMATION['TIME_ZONE'] or TIME_ZONE, or install the package tzdata.",
                id="automation.E013",
            )
        ]
    return []


@register
def check_app_order(**_: Any) -> list[CheckMessage]:
    names = [config.name for config in apps.get_app_configs()]
    if "django_q" in names and names.index("automation") < names.index("django_q"):
        return []
    return [
        Error(
            "'automation' does not stand before 'django_q' in INSTALLED_APPS.",
            hint="Put it first: its qcluster command replaces the one of django_q.",
            id="automation.E003",
        )
    ]


@register
def check_keys_are_unique(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            clash,
            hint="Remove the alias: processes stored under it would run either function.",
            id="automation.E005",
        )
        for clash in registry.clashes()
    ]


@register
def check_default_rules(**_: Any) -> list[CheckMessage]:
    """Report default rules that cannot be read: whoever deploys the code should learn of it."""
    return [
        Error(
            f"{function.key}: {error}",
            hint="Correct its default_cron, or what that is computed from.",
            id="automation.E006",
        )
        for function in registry.all_functions()
        if (error := _error_of_default_rule(function))
    ]


def _error_of_default_rule(function: ProcessFunction) -> str:
    try:
        if function.default_cron:
            CronRule(function.default_cron, "UTC")
    except ScheduleError as error:
        return str(error)
    return ""


@register
def check_notices(**_: Any) -> list[CheckMessage]:
    """Report settings of notices that cannot work, before the first notice does not arrive."""
    return [
        Error(
            f"AUTOMATION[{name!r}] is {value!r}.",
            hint=f"It must be {wanted}.",
            id="automation.E010",
        )
        for name, is_usable, wanted in (
            ("NOTIFY_EMAILS", _are_addresses, "a list of e-mail addresses"),
            ("SITE_URL", _is_url, "an address such as https://example.org, or empty"),
            ("HEARTBEAT_URL", _is_url, "an address such as https://example.org/ping, or empty"),
        )
        if not is_usable(value := setting(name))
    ]


def _are_addresses(value: Any) -> bool:
    try:
        for address in value:
            validate_email(address)
    except (ValidationError, TypeError):
        return False
    return isinstance(value, list | tuple)


def _is_url(value: Any) -> bool:
    try:
        parts = urlsplit(value)
        return value == "" or (parts.scheme in {"http", "https"} and bool(parts.hostname))
    except (ValueError, TypeError, AttributeError):
        return False


#: Seconds; with a shorter lease a moment of load would cost a node its runs.
SHORTEST_LEASE = 3
#: Seconds; a dead node is known to be dead only after its lease.
MAX_LEASE = 86_400


@register
def check_lease(**_: Any) -> list[CheckMessage]:
    lease = setting("LEASE")
    if _is_number(lease) and SHORTEST_LEASE <= lease <= MAX_LEASE:
        return []
    return [
        Error(
            f"AUTOMATION['LEASE'] is {lease!r}: a node would lose its runs at any moment of load, or "
            "never.",
            hint=f"Give seconds, {SHORTEST_LEASE} to {MAX_LEASE}; 60 is the default.",
            id="automation.E007",
        )
    ]


@register
def check_stop_grace(**_: Any) -> list[CheckMessage]:
    grace = setting("STOP_GRACE")
    if grace is None or (_is_number(grace) and 0 <= grace <= MAX_STOP_GRACE):
        return []
    return [
        Error(
            f"AUTOMATION['STOP_GRACE'] is {grace!r}: it is what running work gets to end in.",
            hint=f"Give seconds, 0 to {MAX_STOP_GRACE}; or None, the default: as long as its own time "
            "limit.",
            id="automation.E008",
        )
    ]


@register
def check_default_time_limit(**_: Any) -> list[CheckMessage]:
    limit = setting("DEFAULT_TIME_LIMIT")
    if isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= MAX_TIME_LIMIT:
        return []
    return [
        Error(
            f"AUTOMATION['DEFAULT_TIME_LIMIT'] is {limit!r}: no process could have that limit.",
            hint=f"Give whole seconds, 1 to {MAX_TIME_LIMIT}; 300 is the default.",
            id="automation.E009",
        )
    ]


@register
def check_worker_limits(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"AUTOMATION[{name!r}] is {value!r}: a worker would be replaced after each run, or never.",
            hint=f"Give {wanted}, 1 or more; None leaves it to Q_CLUSTER[{of_django_q!r}].",
            id="automation.E011",
        )
        for name, wanted, of_django_q in (
            ("WORKER_MAX_RUNS", "a number of runs", "recycle"),
            ("WORKER_MAX_MIB", "MiB of memory", "max_rss"),
        )
        if (value := setting(name)) is not None and not (_is_number(value) and value >= 1)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@register(Tags.database)
def check_processes(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn of columns of processes that do not fit one another or the settings.

    Runs with `check --database default`, `migrate` and `qcluster`.
    """
    if DEFAULT_DB_ALIAS not in (databases or []):
        return []
    try:
        processes = list(Process.objects.select_related("concurrency_group"))
    except DatabaseError:  # It is away or not migrated yet: that is not for this check to say.
        return []
    return [message for process in processes for message in warnings_about(process)]


def warnings_about(process: Process) -> list[CheckMessage]:
    found = [
        Warning(
            _unreadable_rule(process),
            hint="Correct its rule or time zone, or give this machine what they need.",
            id="automation.W005",
        ),
        Warning(
            advice.about_retries(process),
            hint="Set its first and longest delay so that they follow one another.",
            id="automation.W001",
        ),
        Warning(
            advice.about_group(process),
            hint="Let it run as often at once as its group allows, or let the group allow more.",
            id="automation.W002",
        ),
        Warning(
            advice.about_messages(process),
            hint="Raise Q_CLUSTER['retry'], or lower the time limit.",
            id="automation.W003",
        ),
        Warning(
            advice.about_sqlite(process),
            hint="Use PostgreSQL, @process(atomic=False), or a shorter time limit.",
            id="automation.W004",
        ),
    ]
    for message in found:
        message.obj = process
    return [message for message in found if message.msg]


def _unreadable_rule(process: Process) -> str:
    error = process.rule_error
    return f"Its rule cannot be read, and nothing starts it on time: {error}" if error else ""
