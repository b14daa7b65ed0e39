"""Addresses and forms of the admin, for its tests."""

from typing import Any

from django.urls import reverse


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:automation_{name}", args=args)


def filled_form(**fields) -> dict:
    return {
        "name": "nightly",
        "function": "probes.greet",
        "description": "",
        "is_enabled": "on",
        "trigger_type": "time_based",
        "schedule_kind": "cron",
        "cron": "30 7 * * *",
        "timezone": "Asia/Tehran",
        "jitter": "0",
        "catch_up": "latest",
        "catch_up_limit": "100",
        "time_limit": "",
        "max_concurrency": "1",
        "overlap_policy": "skip",
        "concurrency_group": "",
        "priority": "0",
        "max_retries": "0",
        "retry_delay": "60",
        "retry_backoff": "2",
        "retry_max_delay": "3600",
        "retry_jitter": "10",
        **fields,
    }
