"""`manage.py qcluster`: the workers that run processes, and the clock that starts them."""

import os
import sys
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation.cluster import supervisor
from automation.cluster.readiness import NotReadyError
from automation.limits import MAX_STOP_GRACE
from automation.management.arguments import number
from automation.queue.messages import queue_name


class Command(BaseCommand):
    help = "Run the workers and the clock, until Ctrl-C or SIGTERM."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--run-once", action="store_true", help="Run what is due and waiting, then stop."
        )
        parser.add_argument(
            "--grace",
            type=number,
            metavar="SECONDS",
            help="What running work gets to end in when this is stopped.",
        )
        parser.add_argument(
            "-n",
            "--name",
            dest="cluster_name",
            help="The queue to serve, of those in Q_CLUSTER['ALT_CLUSTERS'].",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["cluster_name"]
        if name and name != queue_name():
            self._start_again_for(name)
        grace = options["grace"]
        if grace is not None and not 0 <= grace <= MAX_STOP_GRACE:
            told = (
                f"--grace is {grace:g}; it must be a number of seconds from 0 to {MAX_STOP_GRACE}."
            )
            raise CommandError(told, returncode=2)
        try:
            supervisor.run(run_once=options["run_once"], grace=grace)
        except (supervisor.GuardDiedError, NotReadyError) as error:
            raise CommandError(str(error)) from error

    def _start_again_for(self, name: str) -> NoReturn:
        """Start the command again, in a fresh process, for another queue.

        django-q2 has read the settings of its queue before the options of the command are known.
        """
        is_a_command = getattr(self, "_called_from_command_line", False)
        if os.environ.get("Q_CLUSTER_NAME") == name or not is_a_command:
            raise CommandError(
                f"This process serves {queue_name()}: start it with Q_CLUSTER_NAME={name} in the "
                "environment.",
                returncode=2,
            )
        if name not in getattr(settings, "Q_CLUSTER", {}).get("ALT_CLUSTERS", {}):
            raise CommandError(
                f"There is no queue {name}: describe it in Q_CLUSTER['ALT_CLUSTERS'].", returncode=2
            )
        os.environ["Q_CLUSTER_NAME"] = name
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves
