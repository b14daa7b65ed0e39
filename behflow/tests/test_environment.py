"""Settings from the environment: a wrong value stops every command with one sentence."""

import subprocess
import sys

import pytest

from automation.queue import messages
from behflow import environment, settings
from behflow.environment import revision
from conftest import ROOT

#: Where the settings' mail server is made: MAILERS and EMAIL_… are two ways to name it.
FROM = "automation.notifications.mail_server import mail_server"


def run(environment, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RESCHEDULE_HOUR", "25", "'25'; it must be a whole number from 0 to 23"),
        ("RESCHEDULE_MINUTE", "-1", "'-1'; it must be a whole number from 0 to 59"),
        ("BEHFLOW_TIMEZONE", "Asia/Teheran", "'Asia/Teheran'; it must be a time zone"),
        ("DATABASE_URL", "postgres/behflow", "it must be sqlite:///FILE or postgres://"),
        ("DATABASE_URL", "mysql://u:hush@h/n", "'mysql://u:***@h/n'; it must be"),
        ("DATABASE_URL", "postgres://u:hush@h:port/n", "'postgres://u:***@h:port/n'; it must be"),
        ("DATABASE_URL", "", "''; it must be"),
        ("SECRET_KEY", "", "''; it must be a long random text"),
        ("DEBUG", "perhaps", "'perhaps'; it must be on or off"),
        ("HTTPS", "2", "'2'; it must be on or off"),
        ("SITE_URL", "behflow.example.org", "it must be an address such as https://"),
        ("CSRF_TRUSTED_ORIGINS", "example.org", "'example.org'; it must be addresses such as"),
        ("DATABASE_URL", "sqlite://", "'sqlite://'; it must be sqlite:///FILE"),
        ("LOG_LEVEL", "loud", "'loud'; it must be one of DEBUG, INFO"),
        ("WORKERS", "0", "'0'; it must be a whole number from 1 to 64"),
        ("NOTIFY_EMAILS", "sara@example.org,omid", "'sara@example.org,omid'; it must be e-mail"),
        ("NOTIFY_EMAILS", "Sara <sara@example.org>", "it must be e-mail addresses such as"),
        ("DEFAULT_FROM_EMAIL", "behflow", "'behflow'; it must be an e-mail address"),
        ("DEFAULT_FROM_EMAIL", "", "''; it must be an e-mail address"),
        ("EMAIL_URL", "mail.example.org", "'mail.example.org'; it must be smtp+tls://"),
        ("EMAIL_URL", "smtp://", "'smtp://'; it must be smtp+tls://"),
        ("EMAIL_URL", "smtp://u:hush@h:port", "'smtp://u:***@h:port'; it must be smtp+tls://"),
        ("EMAIL_URL", "imap://u:hush@h", "'imap://u:***@h'; it must be smtp+tls://"),
        ("EMAIL_URL", "filemail://", "'filemail://'; it must be smtp+tls://"),
        ("EMAIL_URL", "filemail:///", "'filemail:///'; it must be smtp+tls://"),
        ("EMAIL_URL", "", "''; it must be smtp+tls://"),
        ("HEARTBEAT_URL", "hc-ping.com/x", "'hc-ping.com/x'; it must be empty, or an address"),
        ("HEARTBEAT_URL", "file:///etc/passwd", "it must be empty, or an address"),
        ("DEFAULT_TIME_LIMIT", "five", "'five'; it must be a whole number from 1"),
    ],
)
def test_wrong_value_is_one_sentence_that_names_it(environment, name, value, says):
    done = run({**environment, name: value}, "manage.py", "check")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"The setting {name} is ")
    assert says in done.stderr
    assert "hush" not in done.stderr


def test_web_server_stops_at_a_wrong_value_too(environment):
    done = run(
        {**environment, "DEBUG": "perhaps"},
        *("-m", "gunicorn", "behflow.wsgi", "--preload", "--no-control-socket"),
        *("--bind", "127.0.0.1:0"),
    )

    assert done.returncode != 0
    assert "The setting DEBUG is 'perhaps'; it must be on or off." in done.stderr
    assert "Traceback" not in done.stderr


def test_example_lists_every_variable_with_its_default():
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert example == environment.VARIABLES


def test_timeout_of_the_workers_is_the_one_that_messages_carry():
    limit = settings.AUTOMATION["DEFAULT_TIME_LIMIT"]

    assert settings.Q_CLUSTER["timeout"] == limit + messages.GRACE


def test_retry_is_longer_than_a_message_can_lie_in_a_worker_s_line():
    cluster = settings.Q_CLUSTER

    rounds = 1 + -(-(cluster["queue_limit"] + 1) // cluster["workers"])
    assert cluster["retry"] > (cluster["timeout"] + 3) * rounds


def test_site_url_is_an_allowed_host_and_a_trusted_origin(environment):
    code = "from behflow import settings as s; print(s.ALLOWED_HOSTS[-1], s.CSRF_TRUSTED_ORIGINS)"
    done = run({**environment, "SITE_URL": "https://b.example.org:444/"}, "-c", code)

    assert done.stdout.strip() == "b.example.org ['https://b.example.org:444']"


def test_secret_key_may_begin_with_any_character(environment):
    code = "from behflow import settings; print(settings.SECRET_KEY)"
    done = run({**environment, "SECRET_KEY": "$abc"}, "-c", code)

    assert done.stdout.strip() == "$abc"


@pytest.mark.parametrize(
    ("url", "sets"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, "", "", False, False, 10)),
        ("smtp+tls://u:p%40ss@h", ("h", 587, "u", "p@ss", True, False, 10)),
        ("smtp+ssl://u@h:4650", ("h", 4650, "u", "", False, True, 10)),
    ],
)
def test_mail_server_is_one_variable(environment, url, sets):
    told = "host", "port", "username", "password", "use_tls", "use_ssl", "timeout"
    code = f"from {FROM} as m; s = m(); print(tuple(getattr(s, name) for name in {told}))"
    done = run({**environment, "EMAIL_URL": url}, "-c", code)

    assert done.stdout.strip() == str(sets), done.stderr


@pytest.mark.parametrize("name", ["console", "dummy"])
def test_mails_can_be_printed_or_dropped(environment, name):
    code = f"from {FROM} as m; print(type(m()).__module__)"
    done = run({**environment, "EMAIL_URL": f"{name}mail://"}, "-c", code)

    assert done.stdout.strip() == f"django.core.mail.backends.{name}", done.stderr


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("filemail:///tmp/mails", "/tmp/mails"),  # noqa: S108  # nothing is written
        ("filemail:////tmp/my%20mails/", "/tmp/my mails"),  # noqa: S108
        ("filemail://mails/new", str(ROOT / "mails/new")),
        ("filemail://./mails", str(ROOT / "mails")),
        ("filemail://../mails", str(ROOT / "../mails")),
    ],
)
def test_folder_of_mails_is_absolute_behind_three_slashes(environment, tmp_path, url, folder):
    # Not asked of the mail server, which makes its folder.
    code = (
        "from behflow import settings as s; "
        "m = getattr(s, 'MAILERS', None); "
        "print(m['default']['OPTIONS']['file_path'] if m else s.EMAIL_FILE_PATH)"
    )
    done = run({**environment, "EMAIL_URL": url}, "-c", code)

    assert done.stdout.strip() == folder, done.stderr


def test_mail_is_written_where_the_variable_says(environment, tmp_path):
    url = f"filemail://{tmp_path}/mails"
    done = run({**environment, "EMAIL_URL": url}, "manage.py", "sendtestemail", "sara@example.org")

    assert done.returncode == 0, done.stderr
    [mail] = (tmp_path / "mails").iterdir()
    assert "To: sara@example.org" in mail.read_text()


@pytest.mark.parametrize("command", ["list_processes", "migrate", "run_process x"])
def test_database_that_does_not_answer_is_one_sentence_in_every_command(environment, command):
    environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"

    done = run(environment, "manage.py", *command.split())

    assert done.returncode == 1
    assert "The database does not answer. Check DATABASE_URL: conn" in done.stderr
    assert "connection to server at" in done.stderr
    assert "Traceback" not in done.stderr


def test_probe_says_in_one_sentence_that_the_database_does_not_answer(environment):
    environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"

    done = run(environment, "manage.py", "check_cluster")

    assert done.returncode == 1
    assert done.stdout.startswith("The database does not answer")
    assert "Traceback" not in done.stderr


def test_release_is_the_git_revision_of_the_checkout_wherever_git_keeps_it(tmp_path):
    commit, folder, tree = "0123456789abcdef" * 2, tmp_path / ".git", tmp_path / "tree"
    assert revision(tmp_path) == ""
    folder.mkdir()
    (folder / "HEAD").write_text(f"{commit}\n")
    assert revision(tmp_path) == commit[:12]
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    assert revision(tmp_path) == ""
    (folder / "packed-refs").write_text(f"# pack\n{commit} refs/heads/main\n")
    assert revision(tmp_path) == commit[:12]
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "refs" / "heads" / "main").write_text("f" * 40)
    assert revision(tmp_path) == "f" * 12

    (folder / "worktrees" / "tree").mkdir(parents=True)
    (folder / "worktrees" / "tree" / "HEAD").write_text("ref: refs/heads/main")
    (folder / "worktrees" / "tree" / "commondir").write_text("../..")
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {folder}/worktrees/tree\n")
    assert revision(tree) == "f" * 12
