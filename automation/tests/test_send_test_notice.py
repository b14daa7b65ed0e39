"""`send_test_notice` says whether notices would arrive."""

import smtplib

import pytest
from django.core.mail.backends import smtp
from django.core.management import CommandError, call_command

from automation.notifications import sending
from automation.notifications.mail_server import mail_server
from automation.tests.post import use_mail_server
from automation.tests.test_mailer import SilentServer, silent_server  # noqa: F401  # a fixture


@pytest.fixture
def recipients(settings):
    def are(*addresses: str) -> None:
        settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": list(addresses)}

    return are


def test_test_mail_goes_to_those_who_get_notices(recipients, mailoutbox, capsys):
    recipients("sara@example.org", "omid@example.org")

    call_command("send_test_notice")

    assert mailoutbox[0].to == ["sara@example.org", "omid@example.org"]
    assert "notices about failed processes reach you" in mailoutbox[0].body
    assert capsys.readouterr().out.startswith("Sent to sara@example.org, omid@example.org by ")


def test_stand_in_for_a_mail_server_is_called_one(settings, capsys):
    use_mail_server(settings, "console")

    call_command("send_test_notice", "--to", "sara@example.org")

    assert "That is no mail server: nobody gets mail." in capsys.readouterr().out


def test_test_mail_can_go_to_somebody_else(recipients, mailoutbox):
    recipients("sara@example.org")

    call_command("send_test_notice", "--to", "boss@example.org")

    assert mailoutbox[0].to == ["boss@example.org"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "NOTIFY_EMAILS is empty: nobody gets notices"),
        (["--to", "nobody"], "'nobody' is no e-mail address."),
        (["--to", ""], "'' is no e-mail address."),
    ],
)
def test_nobody_to_send_it_to_is_said(recipients, arguments, says):
    recipients()

    with pytest.raises(CommandError, match=says) as error:
        call_command("send_test_notice", *arguments)

    assert error.value.returncode == 2


def test_refusal_of_the_mail_server_is_said(recipients, monkeypatch):
    recipients("sara@example.org")

    def refuse(*_):
        raise smtplib.SMTPAuthenticationError(535, b"wrong password")

    monkeypatch.setattr(sending, "deliver", refuse)

    with pytest.raises(CommandError, match=r"It was not sent, by .*wrong password") as error:
        call_command("send_test_notice")

    assert error.value.returncode == 1


def test_mail_server_that_never_answers_is_given_up(
    settings,
    monkeypatch,
    silent_server: SilentServer,  # noqa: F811
):
    use_mail_server(settings, "smtp", host="127.0.0.1", port=silent_server.port)
    monkeypatch.setattr(sending, "TIME_LIMIT", 1)

    with pytest.raises(CommandError, match="The mail server did not answer within 1 s") as error:
        call_command("send_test_notice", "--to", "sara@example.org")

    assert f"by the mail server 127.0.0.1:{silent_server.port}: " in str(error.value)


def test_mail_server_that_cannot_be_made_is_said(settings):
    use_mail_server(settings, "pigeon")

    with pytest.raises(CommandError, match=r"settings of mail are wrong: .*pigeon") as error:
        call_command("send_test_notice", "--to", "sara@example.org")

    assert error.value.returncode == 1


@pytest.mark.parametrize(("given", "used"), [(None, 30), (7, 7)])
def test_no_answer_of_the_mail_server_is_waited_for_without_end(settings, given, used):
    use_mail_server(settings, "smtp", host="127.0.0.1", timeout=given)

    server = mail_server()

    assert isinstance(server, smtp.EmailBackend)
    assert server.timeout == used
