"""The pages of notices: who was told of what, and when or why not yet."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from automation.models import Notice
from automation.notifications import sending
from automation.testing import run
from automation.tests.factories import ProcessFactory
from automation.tests.pages import page
from automation.tests.post import send_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(settings) -> Notice:
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["sara@example.org"]}
    run(ProcessFactory(name="nightly", function="probes.write_then_raise"))
    return Notice.objects.get()


def test_notice_that_was_sent_shows_when_to_whom_and_what(notice, person_with, mailoutbox):
    send_next()
    client = person_with("view_notice")

    listed = client.get(page("notice_changelist")).text
    shown = client.get(page("notice_change", notice.pk)).text

    for text in (listed, shown):
        assert "sara@example.org" in text
        assert "A notice was sent by e-mail at" in text
    assert "ValueError: no" in shown
    assert f"{page('execution_change', notice.execution_id)}" in shown


def test_notice_that_could_not_be_sent_shows_why_and_when_it_comes_again(
    notice, admin_client, monkeypatch
):
    monkeypatch.setattr(sending, "deliver", lambda *_: 1 / 0)
    send_next()

    shown = admin_client.get(page("notice_change", notice.pk)).text

    assert "could not be sent by e-mail yet; it is tried again at" in shown
    assert "ZeroDivisionError" in shown


def test_notice_of_a_deleted_execution_can_be_seen(notice, admin_client):
    notice.execution.delete()

    shown = admin_client.get(page("notice_change", notice.pk)).text

    assert f"#{notice.execution_id} (deleted since)" in shown


def test_notices_can_be_read_and_not_written(notice, admin_client):
    assert admin_client.get(page("notice_add")).status_code == 403
    assert admin_client.post(page("notice_change", notice.pk), {"error": "x"}).status_code == 403
    assert admin_client.post(page("notice_delete", notice.pk), {"post": "yes"}).status_code == 403


def test_notices_are_shown_to_viewers_and_not_to_everybody(notice, member_of, client):
    assert member_of("Automation viewer").get(page("notice_changelist")).status_code == 200
    client.logout()
    assert client.get(page("notice_changelist")).status_code == 302


def test_others_do_not_see_notices(notice, person_with):
    assert person_with("view_execution").get(page("notice_changelist")).status_code == 403


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "A notice by e-mail is about to be sent."),
        ({"sent_at": Now()}, "A notice was sent by e-mail at"),
        ({"given_up_at": Now()}, "No notice could be sent by e-mail; it was given up at"),
        ({"error": "no"}, "A notice could not be sent by e-mail yet; it is tried again at"),
    ],
)
def test_page_of_the_execution_says_whether_people_were_told(notice, person_with, columns, says):
    Notice.objects.update(**columns)

    shown = person_with("view_execution").get(page("execution_change", notice.execution_id)).text

    assert says in shown
    assert "sara@example.org" not in shown


def test_page_of_an_execution_without_a_notice_says_nothing_of_it(admin_client):
    execution = run("probes.greet")

    assert (
        "notice"
        not in admin_client.get(page("execution_change", execution.pk)).text.split(
            "automation-story"
        )[1]
    )


def test_list_takes_as_many_queries_for_many_as_for_one(
    notice, admin_client, django_assert_max_num_queries
):
    for _ in range(5):
        run(notice.process)
    Notice.objects.update(available_at=Now() - timedelta(minutes=1))

    with django_assert_max_num_queries(7):
        assert admin_client.get(page("notice_changelist")).status_code == 200
