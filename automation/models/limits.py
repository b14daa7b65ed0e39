"""What the numbers of a process may be at most."""

MAX_CONCURRENCY = 1_000
MAX_TIME_LIMIT = 30 * 24 * 60 * 60  # seconds
MAX_RETRIES = 100
MAX_RETRY_DELAY = 7 * 24 * 60 * 60  # seconds
MAX_BACKOFF = 10
MAX_PRIORITY = 100
