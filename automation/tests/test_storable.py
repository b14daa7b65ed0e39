"""Whatever a function hands over, its run ends with a record, and its worker goes on."""

import logging
from decimal import Decimal

import pytest
from django.db import DataError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.engine.run.result import MAX_DEPTH
from automation.engine.run.runner import run_execution
from automation.engine.start.launch import launch
from automation.models import Execution, Status, Trigger
from automation.testing import run
from automation.tests.factories import ProcessFactory
from automation.tests.probes.outcomes import TOO_LARGE, NoText, NoTextError, nested, to_hand_over
from conftest import wait_until

#: How each of these ends, and what its error says.
ENDS = {
    "large progress": (Status.FAILED, "ValueError: Progress is a number from 0 to 92233720368547"),
    "large total": (Status.FAILED, "ValueError: Progress is a number from 0 to 92233720368547"),
    "nan": (Status.FAILED, "ValueError: Progress is a number from 0 to 9223372036854775807, not"),
    "no number": (Status.FAILED, "TypeError: Progress is counted in numbers; str is none."),
    "own columns": (Status.COMPLETED, ""),
    "own text": (Status.FAILED, "ValueError: no text"),
    "message": (Status.COMPLETED, ""),
    "log": (Status.COMPLETED, ""),
    "log arguments": (Status.COMPLETED, ""),
    "level": (Status.COMPLETED, ""),
    "deep": (Status.FAILED, "The function returned"),
    "no text": (
        Status.FAILED,
        "automation.tests.probes.outcomes.NoTextError: <exception str() fai",
    ),
    "groups": (Status.FAILED, "ExceptionGroup: around (1 sub-exception)"),
    "exit": (Status.FAILED, "The function ended its worker: exit("),
    "after the commit": (Status.COMPLETED, "NoName: "),
    "after the commit, exit": (
        Status.COMPLETED,
        "automation.tests.probes.outcomes._exit: SystemExi",
    ),
    "code of an exit": (Status.FAILED, "SystemExit, which cannot be shown."),
    "interrupt": (Status.FAILED, "KeyboardInterrupt"),
}


@pytest.mark.django_db(transaction=True)
def test_whatever_is_handed_over_ends_with_a_record_and_its_worker_goes_on(qcluster):
    process = ProcessFactory(
        function="probes.hand_over", max_concurrency=100, overlap_policy="wait"
    )
    executions = {
        what: launch(process, trigger=Trigger.MANUAL, parameters={"what": what}) for what in ENDS
    }
    cluster = qcluster(WORKERS="1")
    finals = Execution.objects.filter(completed_at__isnull=False)
    wait_until(lambda: finals.count() == len(ENDS), 60, cluster)
    wait_until(lambda: finals.filter(after_commit="failed").count() == 2, 60, cluster)

    for what, (status, error) in ENDS.items():
        row = finals.get(pk=executions[what].pk)
        assert row.status == status, (what, row.status, row.error_message)
        assert row.error_message.startswith(error), (what, row.error_message)
        assert row.log_lines.filter(message="before").exists(), what
    assert " ended with " not in cluster.text  # Its one worker did not die.
    assert Execution.objects.get(pk=executions["log"].pk).log_lines.last().message.startswith("� ")


hostile_texts = st.text(max_size=30) | st.sampled_from(["\0", "\ud800", "x" * 5_000, NoText("a")])
hostile_numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.decimals()
    | st.sampled_from([True, Decimal("NaN"), TOO_LARGE, None, "7", b"7"])
    | st.builds(lambda: 10**5_000)  # Nobody can show it.
)
hostile_values = st.recursive(
    hostile_numbers | hostile_texts | st.binary(max_size=3) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_texts, inner, max_size=3),
    max_leaves=6,
)


def sayings(draw):
    """What a function does, made of everything an author can do."""
    how = draw(st.sampled_from(["progress", "log", "raise", "return", "exit", "row"]))
    one, other = draw(hostile_values), draw(hostile_values)
    text = draw(hostile_texts)
    logger = logging.getLogger("probes.hostile")

    def say(run):
        if how == "progress":
            run.progress(one, other, text)
        elif how == "log":
            logger.error(one, other)
            logger.log(draw_level, text, one)
            logger.handle(logging.makeLogRecord({"msg": one, "levelname": text, "name": text}))
        elif how == "raise":
            raise ValueError(one, text) from NoTextError()
        elif how == "exit":
            raise SystemExit(one)
        elif how == "row":
            run.execution.progress_total, run.execution.started_at = one, other
        return one

    draw_level = draw(st.integers(-5, 120))
    return say


@pytest.mark.django_db
@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_run_ends_completed_or_failed_whatever_its_function_hands_over(data):
    to_hand_over[:] = [data.draw(st.composite(sayings)())]
    execution = launch(
        ProcessFactory(function="probes.hand_over", time_limit=60), trigger=Trigger.MANUAL
    )

    run_execution(execution.pk)

    execution.refresh_from_db()
    assert execution.status in {Status.COMPLETED, Status.FAILED}
    assert execution.status == Status.COMPLETED or execution.error_message
    assert execution.log_lines.filter(message="before").exists()


@pytest.mark.django_db
def test_what_no_check_foresaw_fails_the_run_with_a_sentence(monkeypatch):
    monkeypatch.setattr("automation.engine.run.log.save_lines", _refused)

    execution = run(ProcessFactory(function="probes.greet"))

    assert execution.status == Status.FAILED
    assert execution.error_message.startswith("What it said could not be stored: DataError.")


def _refused(*_):
    raise DataError("value too long")


@pytest.mark.django_db
def test_result_may_be_as_deep_as_every_database_takes_it():
    to_hand_over[:] = [lambda _run: nested(MAX_DEPTH - 1)]

    execution = run(ProcessFactory(function="probes.hand_over"))

    assert execution.status == Status.COMPLETED
