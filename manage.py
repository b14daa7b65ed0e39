#!/usr/bin/env python
"""Run a Django command with Behflow's settings."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behflow.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ModuleNotFoundError:
        sys.exit("Django is not installed here. Run `make run`, or use .venv/bin/python manage.py.")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(f"The database does not answer. Check DATABASE_URL: {str(error).strip()}")


if __name__ == "__main__":
    main()
