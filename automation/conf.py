"""The `AUTOMATION` setting of the project, with a default for each key."""

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    "TIME_ZONE": None,  # of processes that set none; None: Django's TIME_ZONE
    "DEFAULT_TIME_LIMIT": 300,  # seconds a run may take where its process sets no limit
    "LEASE": 60,  # seconds without a sign of life after which a node's runs are lost; PostgreSQL
    "STOP_GRACE": None,  # seconds that running work gets when its node is stopped; None: its time limit
    "WORKER_MAX_RUNS": None,  # runs after which a worker is replaced; None: Q_CLUSTER's recycle
    "WORKER_MAX_MIB": None,  # MiB of memory above which a worker is replaced; None: Q_CLUSTER's max_rss
    "RELEASE": "",  # which code this is; executions and nodes keep it
    "NOTIFY_EMAILS": [],  # who is told of failures and recoveries
    "SITE_URL": "",  # where people open the site; notices link to it
    "HEARTBEAT_URL": "",  # requested each minute while a node is healthy
}


def setting(name: str) -> Any:
    return getattr(settings, "AUTOMATION", {}).get(name, DEFAULTS[name])


def release() -> str:
    return str(setting("RELEASE"))[:100]


def default_time_zone() -> str:
    """Return the IANA name of the zone of processes that set none."""
    return str(setting("TIME_ZONE") or settings.TIME_ZONE)
