"""How large numbers and texts may be at most."""

MAX_CONCURRENCY = 1_000
MAX_TIME_LIMIT = 30 * 24 * 60 * 60  # seconds
MAX_RETRIES = 100
MAX_RETRY_DELAY = 7 * 24 * 60 * 60  # seconds
MAX_BACKOFF = 10
MAX_PRIORITY = 100
MAX_EVERY = 366 * 24 * 60  # minutes
MAX_OCCURRENCES = 1_000
MAX_JITTER = 24 * 60 * 60  # seconds
MAX_START_DEADLINE = 30 * 24 * 60 * 60  # seconds
MAX_CATCH_UP = 1_000
MAX_FAILURES = 1_000
MAX_KEPT_DAYS = 36_500
MAX_KEPT_RUNS = 10_000_000
#: Seconds that running work gets at most, by a setting, when its node is stopped.
MAX_STOP_GRACE = 86_400
#: Characters of a person's name that are kept; a project's own users may have longer ones.
MAX_PERSON = 200
#: Characters of a progress message that are kept.
MAX_PROGRESS_MESSAGE = 200
#: Seconds by which the latest occurrence may be late before it counts as missed, where a process
#: catches none up: django-q2 looks at its schedules every half minute.
ON_TIME = 90
#: Seconds for which code may go on after its time limit was raised in it.
KILL_GRACE = 3
#: Characters that are kept of the reason of a pause.
MAX_REASON = 500
