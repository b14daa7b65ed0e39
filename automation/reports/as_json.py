"""The public JSON of processes, executions, occurrences, nodes and holds: made here and nowhere else.

Commands print it, and whatever else programs read. Keys are public: `docs/reference/commands.md` lists
them. The number of an execution is `execution`. Instants are ISO 8601 with an offset.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any

from automation.models import Coming, Execution, Hold, Node
from automation.reports.deployment import DeploymentOutlook, Due, Running
from automation.reports.explain import Explanation
from automation.reports.ledger import Finding, Proof
from automation.reports.missed import Occurrence, Plan
from automation.reports.workers import Workers, why_it_waits, workers
from automation.schedule import CronRule


def instant(at: datetime | None) -> str | None:
    """Return an instant as ISO 8601, with the offset of its zone."""
    return at.isoformat() if at else None


def execution(one: Execution) -> dict[str, Any]:
    """Return how an execution ended, or stands."""
    row = {
        "execution": one.pk,
        "status": one.status,
        "result": one.result,
        "error": one.error_message,
        "reason": one.reason,
        "after_commit": one.after_commit,
        "waits_for": why_it_waits(one) or None,
    }
    return row | ({"changes": one.previewed} if one.is_preview else {})


def process(one: Any, coming: Coming, around: Workers) -> dict[str, Any]:
    """Return a process that has its `state` and `last_status`, with what comes of it."""
    rule = one.usable_rule
    return {
        "name": one.name,
        "label": one.label,
        "function": one.function,
        "is_broken": one.is_broken,
        "is_enabled": one.is_enabled,
        "trigger": one.trigger_type,
        "cron": rule.expression if isinstance(rule, CronRule) else one.cron,
        "schedule": one.schedule_in_words,
        "timezone": one.effective_timezone,
        "timezone_is_set": bool(one.timezone),
        "next_run": instant(coming.next_run),
        "state": one.state,
        "last_status": one.last_status,
        "hold": hold(coming.hold),
        "hold_since": instant(coming.hold.since) if coming.hold else None,
        "hold_until": instant(coming.hold.until) if coming.hold else None,
        "waits_for": around.absence_for(one.function) or None,
    }


def hold(one: Hold | None) -> str | None:
    """Return what holds a process, as a sentence."""
    return one.in_words if one else None


def occurrence(at: datetime, zone: tzinfo) -> dict[str, Any]:
    """Return an occurrence, in UTC and by the clock of its zone."""
    return {"at": instant(at), "local": instant(at.astimezone(zone))}


def nodes(live: Iterable[Node], error: str) -> dict[str, Any]:
    """Return which nodes are live, or the `error` of a database that does not tell."""
    names = [node.name for node in live]
    return {"is_live": bool(names), "nodes": names, "error": error}


def explanation(found: Explanation) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "process": found.process.name,
        "at": instant(found.at),
        "verdict": {"code": verdict.code, "text": verdict.text, "remedy": verdict.remedy},
        "steps": [
            {"code": step.code, "state": step.state, "text": step.text, "remedy": step.remedy}
            for step in found.steps
        ],
        "executions": [
            {
                "execution": one.pk,
                "status": one.status,
                "reason": one.reason,
                "attempt": one.attempt,
            }
            for one in found.executions
        ],
    }


def backfill(found: Plan, started: int | None) -> dict[str, Any]:
    """Return what became of the times of a range; `started`: how many were started, None for a look."""
    return {
        "process": found.process.name,
        "from": instant(found.since),
        "to": instant(found.until),
        "rule": str(found.rule),
        "rule_since": instant(found.rule_since),
        "pruned_before": instant(found.pruned_before),
        "offered": len(found.offered),
        "started": started,
        "waits_for": workers().absence_for(found.process.function) or None,
        "occurrences": [_time_of(each, found) for each in found.occurrences],
    }


def _time_of(each: Occurrence, found: Plan) -> dict[str, Any]:
    return {
        **occurrence(each.at, found.rule.zone),
        "status": each.status or None,
        "execution": each.execution,
        "action": each.action(again=found.again),
    }


def proof(found: Proof) -> dict[str, Any]:
    """Return what was due in a span of time, and whether all of it is accounted for."""
    return {
        "process": found.process.name,
        "since": instant(found.since),
        "until": instant(found.until),
        "occurrences": found.occurrences,
        "outcomes": found.outcomes,
        "skipped": found.skipped,
        "counts": found.counts,
        "findings": [_finding(one) for one in found.findings],
        "unreadable": [[instant(begin), instant(end)] for begin, end in found.unreadable],
        "is_sound": found.is_sound,
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "what": one.what,
        "since": instant(one.since),
        "until": instant(one.until),
        "occurrences": one.occurrences,
        "executions": one.executions,
    }


def deployment(outlook: DeploymentOutlook) -> dict[str, Any]:
    """Return what a stop of the nodes and new code would meet."""
    return {
        "is_safe": outlook.is_safe,
        "running": [_running(one) for one in outlook.running],
        "longest_stop": outlook.longest_stop,
        "due": [_due(one) for one in outlook.due],
        "refused": [
            {"execution": one.pk, "process": one.process_name, "error": error}
            for one, error in outlook.refused
        ],
        "orphaned": [{"process": one.name, "function": one.function} for one in outlook.orphaned],
    }


def _running(one: Running) -> dict[str, Any]:
    return {
        "execution": one.execution.pk,
        "process": one.execution.process_name,
        "node": one.execution.node,
        "started_at": instant(one.execution.started_at),
        "until": instant(one.until),
        "is_interrupted": one.is_interrupted,
    }


def _due(one: Due) -> dict[str, Any]:
    return {
        "process": one.process.name,
        "at": [instant(at) for at in one.instants],
        "may_be_missed": one.may_be_missed,
    }
