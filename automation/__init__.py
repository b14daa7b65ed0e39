"""Run recurring work inside a Django project, managed in its admin.

This is the public interface: `process` registers a function, `Run` is what it is given, and
`command_process` registers a management command.
"""

from automation.management_command import command_process
from automation.registry import process
from automation.run import Run

__all__ = ["Run", "command_process", "process"]
