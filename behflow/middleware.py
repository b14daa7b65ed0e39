"""Headers of every answer, and the page for a database that does not answer."""

import logging
from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from automation.database import locks
from automation.models import Execution
from automation.reports.writer import who_writes

logger = logging.getLogger(__name__)

#: Only what this site itself serves, and no code or style in a page. `data:` is for the icons in
#: the style sheets of Django's admin.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


class ContentSecurityPolicyMiddleware:
    """Send a strict Content-Security-Policy with every answer.

    A fixed text needs no library; Django brings one from version 6.0 on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


#: Seconds that a page waits for a run that writes (on SQLite) or has locked a row that it needs.
LONGEST_WAIT = 3


class DatabaseBusyMiddleware:
    """Answer 503 where the database is locked or away, and name the run that locks it.

    On SQLite a page gives up waiting sooner than the project's own limit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with locks.waiting_at_most(LONGEST_WAIT), locks.waiting_for_rows_at_most(LONGEST_WAIT):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OperationalError) or _lacks_migrations(error):
            return None
        logger.error("%s %s: the database did not answer: %s", request.method, request.path, error)
        response = render(request, "503.html", {"writer": _writer(error)}, status=503)
        response["Retry-After"] = "10"
        return response


def _writer(error: OperationalError) -> Execution | None:
    return who_writes() if locks.is_locked(error) else None


def _lacks_migrations(error: OperationalError) -> bool:
    """Whether SQLite says that a table or column does not exist, for which waiting is in vain."""
    said = str(error)
    return any(text in said for text in ("no such table", "no such column", "has no column"))
