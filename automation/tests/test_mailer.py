"""Notices are sent by a real qcluster, and no mail server holds anything up."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from automation.cluster import mailer
from automation.engine.start.launch import launch
from automation.models import Notice, Process, Status, Trigger
from automation.notifications import sending
from automation.tests.post import mails_in
from automation.tests.test_cluster import started, wait_for
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TELL = {"NOTIFY_EMAILS": "sara@example.org", "SITE_URL": "https://behflow.example.org"}


class SilentServer:
    """Takes connections and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.visitors: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                self.visitors.append(self.socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        for opened in [self.socket, *self.visitors]:
            opened.close()


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


def test_failure_and_recovery_are_mailed_and_leave_no_process(qcluster, tmp_path):
    cluster = qcluster(**TELL, EMAIL_URL=f"filemail:///{tmp_path}/mails")
    execution = started("write_then_raise")
    wait_for(execution, Status.FAILED, why=cluster)
    wait_until(Notice.objects.filter(sent_at__isnull=False).exists, why=cluster)

    # Five minutes later
    sent = Notice.objects.get()
    Notice.objects.update(sent_at=sent.sent_at - timedelta(minutes=5))
    Process.objects.filter(pk=execution.process_id).update(function="probes.greet")
    again = launch(Process.objects.get(pk=execution.process_id), trigger=Trigger.MANUAL)
    wait_for(again, Status.COMPLETED, why=cluster)
    wait_until(lambda: not Notice.objects.waiting().exists(), why=cluster)

    said = mails_in(tmp_path / "mails")
    assert f"{execution.process_name} failed" in said
    assert f"https://behflow.example.org/admin/automation/execution/{execution.pk}/change/" in said
    assert "WARNING About to fail" in said
    assert f"{execution.process_name} works again" in said
    tree = cluster.tree
    assert len(tree) == 5
    assert cluster.stop() == 0
    assert cluster.tree == []


def test_run_once_sends_what_its_runs_bring_about(qcluster, tmp_path):
    started("write_then_raise")

    cluster = qcluster(
        "--run-once", wait_for="has stopped.", **TELL, EMAIL_URL=f"filemail:///{tmp_path}/mails"
    )

    assert cluster.process.wait(30) == 0
    assert Notice.objects.get().sent_at is not None, cluster
    assert "failed" in mails_in(tmp_path / "mails")


def test_mail_server_that_never_answers_holds_up_no_run_and_the_notice_comes_again(
    qcluster, silent_server
):
    url = f"smtp://127.0.0.1:{silent_server.port}"
    cluster = qcluster(**TELL, WORKERS="1", EMAIL_URL=url)
    wait_for(started("write_then_raise"), Status.FAILED, why=cluster)
    wait_until(lambda: silent_server.visitors, why=cluster)

    runs = [started("greet", name=str(number)) for number in range(5)]
    for execution in runs:
        wait_for(execution, Status.COMPLETED, seconds=5, why=cluster)
    assert Notice.objects.get().error == ""  # It is waited for all the while.

    wait_until(Notice.objects.exclude(error="").exists, why=cluster)
    notice = Notice.objects.get()
    assert "timed out" in notice.error
    assert (notice.sent_at, notice.attempts) == (None, 1)
    Notice.objects.update(available_at=notice.available_at - timedelta(minutes=1))
    wait_until(lambda: len(silent_server.visitors) == 2, why=cluster)


def test_stop_does_not_wait_for_a_mail_server(qcluster, silent_server):
    url = f"smtp://127.0.0.1:{silent_server.port}"
    cluster = qcluster(**TELL, EMAIL_URL=url)
    wait_for(started("write_then_raise"), Status.FAILED, why=cluster)
    wait_until(lambda: silent_server.visitors, why=cluster)

    assert cluster.stop(seconds=8) == 0
    assert cluster.tree == []
    assert Notice.objects.get().sent_at is None


def test_mail_is_given_up_with_its_process_before_anybody_else_may_send_it():
    assert timedelta(seconds=mailer.KILL_AFTER) < sending.LEASE
