"""What is wrong with a schedule."""


class ScheduleError(ValueError):
    """A schedule that cannot be followed, in a sentence for whoever wrote it.

    `field` says which part is wrong: `cron`, `timezone`, `every`, `anchor`, `at`, `starts`, `ends`,
    `excluded`, `limit`, `jitter`, or `schedule` for one that is stored and cannot be read.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class NeverDueError(ScheduleError):
    """A schedule that can be followed, and by which nothing is due."""
