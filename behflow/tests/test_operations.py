"""The table of operations: each by each role, allowed or refused with a sentence; and pages say so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.test import Client
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import Execution, Kind, Pause, Process, Status
from automation.operations import OPERATIONS, Asker
from automation.testing import preview, run
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory, UserFactory
from automation.tests.pages import page
from automation.why_not import RefusedError, WhyNot
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

MAIN_JOB = "tasks.reschedule_remaining_tasks"
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)

SEES = ("view_process", "view_execution")
ROLES: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "who may view": SEES,
    "who may change": (*SEES, "change_process"),
    "who may run": (*SEES, "run_process"),
    "who may cancel": (*SEES, "cancel_execution"),
    "who may pause": (*SEES, "pause_process"),
}
ALL = ("superuser", "command line")
EVERYBODY = ("anonymous", *ROLES, *ALL)
MAY = {
    "run": "who may run",
    "preview": "who may run",
    "apply": "who may run",
    "retry": "who may run",
    "undo": "who may run",
    "backfill": "who may run",
    "cancel": "who may cancel",
    "cancel_each": "who may cancel",
    "pause": "who may pause",
    "resume": "who may pause",
    "skip_next": "who may pause",
    "enable": "who may change",
    "disable": "who may change",
}


def is_allowed(name: str, role: str) -> bool:
    return role in {MAY[name], *ALL}


@pytest.fixture(autouse=True)
def _at_noon(time_machine) -> None:
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()
    NodeFactory(workers=1)


class Case(NamedTuple):
    """Something that an operation can be done to."""

    subject: Any
    options: dict[str, Any]
    #: Whether it was done.
    is_done: Callable[[], bool]
    #: The page that offers it, and what stands in it exactly where it is offered.
    page: str
    offer: str
    #: Where the page sends it, and what with.
    address: str
    form: dict[str, Any]


def started(kind: Kind = Kind.RUN, **wanted: Any) -> Callable[[], bool]:
    newest = Execution.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return lambda: Execution.objects.filter(pk__gt=newest, kind=kind, **wanted).exists()


def run_case() -> Case:
    process = ProcessFactory()
    address = page("process_run", process.pk)
    offer = f'href="{address}"'
    at = page("process_change", process.pk)
    return Case(process, {}, started(), at, offer, address, {})


def preview_case() -> Case:
    process = ProcessFactory(function=MAIN_JOB)
    address = page("process_run", process.pk)
    form = {"preview": "1"}
    return Case(process, {}, started(Kind.PREVIEW), address, 'name="preview"', address, form)


def of_execution(name: str, execution: Execution, is_done: Callable[[], bool], form=None) -> Case:
    address = page(f"execution_{name}", execution.pk)
    at = page("execution_change", execution.pk)
    return Case(execution, {}, is_done, at, f'"{address}"', address, form or {})


def moved() -> Execution:
    TaskFactory(due_at=timezone.now() - timedelta(days=3))
    return run(ProcessFactory(function=MAIN_JOB))


def apply_case() -> Case:
    tried = preview(ProcessFactory(function=MAIN_JOB))
    return of_execution("apply", tried, started(applied_preview=tried.pk))


def retry_case() -> Case:
    failed = ExecutionFactory(status=Status.FAILED, completed_at=timezone.now())
    return of_execution("retry", failed, started(retry_of=failed))


def undo_case() -> Case:
    done = moved()
    return of_execution("undo", done, started(Kind.UNDO, undo_of=done), {"note": "wrong day"})


def is_asked_to_end(execution: Execution) -> Callable[[], bool]:
    rows = Execution.objects.filter(pk=execution.pk, cancel_requested_at__isnull=False)
    return rows.exists


def cancel_case() -> Case:
    running = ExecutionFactory(running=True)
    return of_execution("cancel", running, is_asked_to_end(running))


def cancel_each_case() -> Case:
    running = ExecutionFactory(running=True)
    address = page("execution_changelist")
    form = {"action": "cancel_chosen", "_selected_action": [running.pk]}
    rows, offer = Execution.objects.filter(pk=running.pk), 'value="cancel_chosen"'
    return Case(rows, {}, is_asked_to_end(running), address, offer, address, form)


def pause_case() -> Case:
    process = ProcessFactory()
    address, form = page("process_pause", process.pk), {"why": "repairs"}
    at, offer = page("process_change", process.pk), f'href="{address}"'
    is_done = Pause.objects.in_force().filter(process=process).exists
    return Case([process], form, is_done, at, offer, address, form)


def resume_case() -> Case:
    process = ProcessFactory()
    pausing.pause([process], why="repairs")
    address, at = page("process_resume", process.pk), page("process_change", process.pk)
    is_done = Pause.objects.filter(process=process, until__lte=NOW).exists
    return Case([process], {}, is_done, at, f'action="{address}"', address, {})


def skip_next_case() -> Case:
    process = ProcessFactory(cron="0 * * * *")
    address, form = page("process_skip_next", process.pk), {"why": "holiday"}
    at, offer = page("process_change", process.pk), f'href="{address}"'
    is_done = Pause.objects.to_come().filter(process=process).exists
    return Case(process, form, is_done, at, offer, address, form)


def switch_case(*, on: bool) -> Case:
    process = ProcessFactory(is_enabled=not on)
    rows = Process.objects.filter(pk=process.pk)
    address = page("process_switch", process.pk, "on" if on else "off")
    is_done = rows.filter(is_enabled=on).exists
    offer = f'formaction="{address}'
    return Case(rows, {}, is_done, page("process_changelist"), offer, address, {})


def backfill_case() -> Case:
    process = ProcessFactory(cron="30 7 * * *", timezone="UTC")
    address, at = page("process_backfill", process.pk), page("process_change", process.pk)
    due = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
    form = {"since": "2026-11-23", "until": "2026-11-24", "choice": "all"}
    offer = f'href="{address}"'
    return Case(process, {"chosen": [due]}, started(scheduled_for=due), at, offer, address, form)


CASES: dict[str, Callable[[], Case]] = {
    "run": run_case,
    "preview": preview_case,
    "apply": apply_case,
    "cancel": cancel_case,
    "cancel_each": cancel_each_case,
    "retry": retry_case,
    "undo": undo_case,
    "pause": pause_case,
    "resume": resume_case,
    "skip_next": skip_next_case,
    "enable": lambda: switch_case(on=True),
    "disable": lambda: switch_case(on=False),
    "backfill": backfill_case,
}


def asker(role: str) -> Asker:
    if role == "command line":
        return Asker("sara (terminal)")
    if role == "anonymous":
        return Asker.person(AnonymousUser())
    return Asker.person(user(role))


def user(role: str) -> Any:
    if role == "superuser":
        return UserFactory(username="sara", is_staff=True, is_superuser=True)
    person = UserFactory(username="sara", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=ROLES[role]))
    return person


def test_table_is_of_all_operations():
    assert OPERATIONS.keys() == CASES.keys() == MAY.keys()


@pytest.mark.parametrize("role", EVERYBODY)
@pytest.mark.parametrize("name", CASES)
def test_operation_is_done_or_refused_by_the_role(name, role):
    operation, case, who = OPERATIONS[name], CASES[name](), asker(role)

    if is_allowed(name, role):
        assert operation.why_not(who, case.subject) is None
        outcome = operation.do(who, case.subject, **case.options)
        assert case.is_done()
        assert all(said.text for said in operation.say(outcome))
        return

    told = f"This needs the permission {operation.permission}."
    assert operation.why_not(who, case.subject) == WhyNot("not_permitted", told)
    with pytest.raises(RefusedError) as refused:
        operation.do(who, case.subject, **case.options)
    assert refused.value.why == WhyNot("not_permitted", told)
    assert not case.is_done()


@pytest.mark.parametrize("role", [*ROLES, "superuser"])
@pytest.mark.parametrize("name", CASES)
def test_page_offers_exactly_what_the_table_allows_and_does_it(name, role):
    case, client = CASES[name](), Client()
    client.force_login(user(role))

    offered = case.offer in client.get(case.page).text
    assert offered == is_allowed(name, role)

    answer = client.post(case.address, case.form)
    assert case.is_done() == is_allowed(name, role)
    # The list shows itself again where it has no such action.
    refused = 200 if name == "cancel_each" and role != "nobody" else 403
    assert answer.status_code == (302 if offered else refused)


def ended(**columns: Any) -> Execution:
    return ExecutionFactory(**{"status": Status.FAILED, "completed_at": timezone.now(), **columns})


#: How something stands, by which an operation is refused, with the code and the sentence.
REFUSED: list[tuple[str, Callable[[], Any], str, str]] = [
    (
        "preview",
        lambda: ProcessFactory(name="greet"),
        "no_preview",
        "probes.greet offers no preview.",
    ),
    (
        "preview",
        lambda: ProcessFactory(function="probes.gone"),
        "function_gone",
        "The function probes.gone is not in the code.",
    ),
    (
        "apply",
        lambda: ExecutionFactory(completed=True),
        "not_a_preview",
        "Only a preview that was completed can be applied.",
    ),
    (
        "apply",
        lambda: ExecutionFactory(completed=True, kind=Kind.PREVIEW, process=None),
        "process_deleted",
        "Its process was deleted.",
    ),
    (
        "apply",
        lambda: ExecutionFactory(completed=True, kind=Kind.PREVIEW, function=MAIN_JOB),
        "function_changed",
        "Its process runs another function now.",
    ),
    (
        "cancel",
        lambda: ExecutionFactory(completed=True),
        "ended_already",
        "{title} has ended already: completed.",
    ),
    ("retry", lambda: ExecutionFactory(running=True), "not_ended", "It has not ended yet."),
    (
        "retry",
        lambda: ended(kind=Kind.PREVIEW),
        "no_run",
        "Only runs are tried again, not previews or undoings.",
    ),
    ("retry", lambda: ended(process=None), "process_deleted", "Its process was deleted."),
    (
        "retry",
        lambda: ExecutionFactory(completed=True),
        "completed",
        "It completed: run the process again instead.",
    ),
    (
        "retry",
        lambda: ended(status=Status.MISSED),
        "never_began",
        "It never began: run the process instead.",
    ),
    (
        "retry",
        lambda: ended(function="probes.gone"),
        "function_gone",
        "The function probes.gone is not in the code.",
    ),
    ("undo", lambda: ExecutionFactory(running=True), "not_ended", "It has not ended yet."),
    (
        "undo",
        lambda: ExecutionFactory(completed=True),
        "no_undo",
        "The function probes.greet has no undo.",
    ),
    (
        "undo",
        lambda: run(ProcessFactory(function=MAIN_JOB)),
        "no_changes",
        "It changed nothing that could be put back.",
    ),
    (
        "skip_next",
        lambda: ProcessFactory(name="by-hand"),
        "nothing_due",
        "by-hand has no next time that could be skipped.",
    ),
    (
        "backfill",
        lambda: ProcessFactory(name="by-hand"),
        "no_schedule",
        "by-hand has no schedule: there are no times that could have been missed.",
    ),
]


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize(("name", "make", "code", "told"), REFUSED)
def test_operation_is_refused_by_how_its_subject_stands(name, make, code, told, role):
    subject, who, operation = make(), asker(role), OPERATIONS[name]
    why = WhyNot(code, told.format(title=getattr(subject, "title", "")))

    assert operation.why_not(who, subject) == why
    if name != "backfill":  # That is given times: why there are none is asked first.
        with pytest.raises(RefusedError) as refused:
            operation.do(who, subject, **({"why": "x"} if name == "skip_next" else {}))
        assert refused.value.why == why


@pytest.mark.parametrize(("name", "make", "code", "told"), REFUSED)
def test_page_offers_nothing_that_is_refused_and_says_why(admin_client, name, make, code, told):
    subject = make()
    is_execution = isinstance(subject, Execution)
    address = (
        page(f"{'execution' if is_execution else 'process'}_{name}", subject.pk)
        if (name != "preview")
        else page("process_run", subject.pk)
    )
    offers = 'name="preview"' if name == "preview" else f'"{address}"'
    at = page("execution_change" if is_execution else "process_change", subject.pk)

    assert offers not in admin_client.get(address if name == "preview" else at).text
    method = admin_client.get if name == "backfill" else admin_client.post
    forms = {"preview": {"preview": "1"}, "skip_next": {"why": "x"}}
    answer = method(address, forms.get(name, {}), follow=True)
    assert told.format(title=getattr(subject, "title", "")) in answer.text.replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ({"why": " "}, "no_reason", "Say why."),
        ({"why": "x", "until": NOW}, "end_passed", "This end has passed."),
    ],
)
def test_pause_is_refused_by_what_is_asked_for(options, code, told):
    with pytest.raises(RefusedError) as refused:
        OPERATIONS["pause"].do(Asker("sara"), [ProcessFactory()], **options)

    assert refused.value.why == WhyNot(code, told)


def test_very_many_times_are_started_only_where_their_number_is_said(monkeypatch):
    monkeypatch.setattr("automation.operations.backfilling.MOST", 0)
    case = backfill_case()
    with pytest.raises(RefusedError) as refused:
        OPERATIONS["backfill"].do(Asker("sara"), case.subject, **case.options)

    told = "These are 1 executions: confirm that you mean so many."
    assert refused.value.why == WhyNot("not_confirmed", told)
    assert not case.is_done()
    OPERATIONS["backfill"].do(Asker("sara"), case.subject, **case.options, confirmed=1)
    assert case.is_done()
