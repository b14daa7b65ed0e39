import os
import signal
import sys
import time

import pytest

from behflow import supervisor
from behflow.supervisor import Supervisor
from conftest import ROOT, Child, wait_until

SLEEP = ["-c", "import time; time.sleep(60)"]
STUBBORN = "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN);"
STUBBORN += "pathlib.Path({!r}).touch(); time.sleep(60)"
PARENT = [
    "-c",
    "import os, subprocess, sys, time;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(p.pid, flush=True); time.sleep(60)",
]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_when_a_child_dies_the_others_are_stopped_and_the_result_is_1():
    said: list[str] = []
    commands = Supervisor(said.append)
    commands.start({"sleeper": SLEEP, "short": ["-c", "raise SystemExit(3)"]})
    sleeper = commands._children["sleeper"]

    assert commands.watch() == 1

    assert said[0] == "short ended with code 3."
    assert sleeper.returncode == -signal.SIGTERM


def test_child_that_does_not_end_is_killed_after_the_grace(monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "GRACE", 1)
    is_started = tmp_path / "stubborn"
    commands = Supervisor(lambda line: None)
    commands.start({"stubborn": ["-c", STUBBORN.format(str(is_started))]})
    stubborn = commands._children["stubborn"]
    wait_until(is_started.exists)
    begun = time.monotonic()

    commands.stop()

    assert stubborn.returncode == -signal.SIGKILL
    assert time.monotonic() - begun < 20


WORK = """
import signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
print("begun", flush=True)
end = time.monotonic() + {seconds}
while time.monotonic() < end and len(asked) < 2:
    time.sleep(0.02)
print("cut off" if len(asked) == 2 else "done", flush=True)
"""


@pytest.mark.parametrize(("signals", "says"), [(1, "done"), (2, "cut off")])
def test_work_is_waited_for_until_a_second_signal(signals, says, tmp_path, environment):
    seconds = 3 if signals == 1 else 60
    code = (
        "from behflow import supervisor; import sys; supervisor.GRACE = 1;"
        "s = supervisor.Supervisor(lambda line: print(line, flush=True)); s.listen();"
        f"s.start({{'work': ['-c', {WORK.format(seconds=seconds)!r}]}}, with_work=['work']);"
        "sys.exit(s.watch())"
    )
    env = {**environment, "PYTHONPATH": str(ROOT)}
    commands = Child([sys.executable, "-c", code], env, tmp_path / "output")
    commands.wait_for("begun")

    for _ in range(signals):
        commands.process.send_signal(signal.SIGINT)
        commands.wait_for("Ctrl-C again ends it at once.")

    assert commands.process.wait(20) == 0, commands
    assert commands.text.splitlines()[-2:] == [says, "Stopped."]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_children_and_what_they_left_behind(number, tmp_path, environment):
    code = (
        "from behflow.supervisor import Supervisor; import sys;"
        "s = Supervisor(lambda line: print(line, flush=True)); s.listen();"
        f"s.start({{'parent': {PARENT!r}}}); sys.exit(s.watch())"
    )
    env = {**environment, "PYTHONPATH": str(ROOT)}
    commands = Child([sys.executable, "-c", code], env, tmp_path / "output")
    wait_until(lambda: commands.text.strip().isdigit())
    grandchild = int(commands.text)

    code_of_exit = commands.stop(number)

    assert code_of_exit == 0, commands.text
    wait_until(lambda: not is_alive(grandchild))
